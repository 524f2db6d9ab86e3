/** The DNS server over real sockets on loopback: UDP, TCP, truncation, EDNS0, forwarding, strangers. No root needed. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createDnsChain, RecordIndex } from '@kapella/dns';
import { createUpstream, type DnsServer, startDnsServer } from '@kapella/dns/node';
import dnsPacket from 'dns-packet';

const zone = { zone: 'cluster.local', ttlSeconds: 5 };
const ctx = hostCtx(new AbortController().signal, silentLogger);
let upstreamUdp: ReturnType<typeof createSocket>;
let upstreamTcp: ReturnType<typeof createServer>;
let upstreamPort = 0;
let server: DnsServer;
const asked: string[] = [];

/** `big.*` is truncated over UDP; `type65` echoes raw data; all else is 203.0.113.7. */
function upstreamAnswer(bytes: Buffer, isTcp: boolean): Buffer {
  const packet = dnsPacket.decode(bytes);
  const question = packet.questions?.[0] as dnsPacket.Question;
  asked.push(`${isTcp ? 'tcp' : 'udp'} ${question.name} ${question.type}`);
  const isBig = question.name.startsWith('big.');
  const count = isBig && isTcp ? 100 : isBig ? 0 : 1;
  const record = (i: number) =>
    question.type === 'A'
      ? { type: 'A', name: question.name, ttl: 60, data: `203.0.113.${i + 7}` }
      : { type: question.type, name: question.name, ttl: 60, data: Buffer.from([0, 1, 0]) };
  return dnsPacket.encode({
    type: 'response',
    id: packet.id ?? 0,
    flags: isBig && !isTcp ? dnsPacket.TRUNCATED_RESPONSE : 0,
    questions: [question],
    answers: Array.from({ length: count }, (_, i) => record(i)) as dnsPacket.Answer[],
  });
}

before(async () => {
  upstreamTcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      const reply = upstreamAnswer(data.subarray(2), true);
      const head = Buffer.alloc(2);
      head.writeUInt16BE(reply.length);
      // In two parts: a reader must put them together.
      socket.write(Buffer.concat([head, reply.subarray(0, 5)]));
      setImmediate(() => socket.write(reply.subarray(5)));
    });
  }).listen(0, '127.0.0.1');
  await once(upstreamTcp, 'listening');
  upstreamPort = (upstreamTcp.address() as { port: number }).port;
  upstreamUdp = createSocket('udp4', (bytes, from) =>
    upstreamUdp.send(upstreamAnswer(bytes, false), from.port, from.address),
  );
  upstreamUdp.bind(upstreamPort, '127.0.0.1');
  await once(upstreamUdp, 'listening');
  const index = new RecordIndex();
  const many = Array.from({ length: 200 }, (_, i) => ({
    name: 'many.ns.svc.cluster.local',
    type: 'A',
    ttl: 5,
    data: `10.0.0.${i}`,
  }));
  index.replace('many', many);
  index.replace('out', [{ name: 'out.ns.svc.cluster.local', type: 'CNAME', ttl: 5, data: 'example.com' }]);
  const upstreams = [createUpstream('127.0.0.1', upstreamPort, 1_000)];
  const chain = createDnsChain({ index, zone, isReady: () => true, upstreams: () => upstreams, counts: new Map() });
  server = await startDnsServer({ address: '127.0.0.1', port: 0, allowedCIDRs: ['127.0.0.1/32'] }, chain, ctx);
});
after(async () => {
  await server?.close();
  upstreamUdp?.close();
  upstreamTcp?.close();
});

async function sendUdp(bytes: Buffer, from = '127.0.0.1'): Promise<Buffer | 'silence'> {
  const socket = createSocket('udp4');
  try {
    socket.bind(0, from);
    await once(socket, 'listening');
    socket.send(bytes, server.port, '127.0.0.1');
    const [reply] = await once(socket, 'message', { signal: AbortSignal.timeout(from === '127.0.0.1' ? 3_000 : 200) });
    return reply as Buffer;
  } catch {
    return 'silence';
  } finally {
    socket.close();
  }
}

const question = (name: string, type: string, udpPayloadSize?: number): Buffer =>
  dnsPacket.encode({
    type: 'query',
    id: 77,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type: type as dnsPacket.RecordType }],
    additionals:
      udpPayloadSize === undefined
        ? []
        : [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
  });

type Packet = dnsPacket.DecodedPacket & { readonly rcode?: string };

async function ask(name: string, type: string, size?: number): Promise<Packet & { readonly bytes: number }> {
  const reply = await sendUdp(question(name, type, size));
  assert.notEqual(reply, 'silence');
  return { ...dnsPacket.decode(reply as Buffer), bytes: reply.length };
}

async function askTcp(...queries: readonly Buffer[]): Promise<readonly Packet[]> {
  const socket = connect(server.port, '127.0.0.1');
  for (const bytes of queries) {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(bytes.length);
    socket.write(Buffer.concat([head, bytes]));
  }
  let received = Buffer.alloc(0);
  const packets: Packet[] = [];
  for await (const part of socket) {
    received = Buffer.concat([received, part as Buffer]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      packets.push(dnsPacket.decode(received.subarray(2, end)));
      received = received.subarray(end);
    }
    if (packets.length === queries.length) break;
  }
  socket.destroy();
  return packets;
}

test('an answer that does not fit is cut and says so; EDNS0 and TCP get more', async () => {
  const plain = await ask('many.ns.svc.cluster.local', 'A');
  assert.ok(plain.flag_tc && plain.bytes <= 512 && (plain.answers?.length ?? 0) > 0);
  const edns = await ask('many.ns.svc.cluster.local', 'A', 4_096);
  assert.ok(!edns.flag_tc && edns.answers?.length === 200);
  assert.equal(edns.additionals?.[0]?.type, 'OPT');
  const both = await askTcp(question('many.ns.svc.cluster.local', 'A'), question('nope.cluster.local', 'A'));
  assert.deepEqual(both.map((p) => [p.rcode, p.answers?.length]).sort(), [
    ['NOERROR', 200],
    ['NXDOMAIN', 0],
  ]);
});

test('the name comes back in the case in which it was asked; the answer has authority', async () => {
  const reply = await ask('MANY.ns.svc.Cluster.Local', 'A', 4_096);
  assert.equal(reply.answers?.[0]?.name, 'MANY.ns.svc.Cluster.Local');
  assert.ok(reply.flag_aa && reply.flag_ra && reply.flag_rd);
});

test('forwards: over UDP, by TCP when cut, types without a name, ExternalName; the second time from the cache', async () => {
  asked.length = 0;
  const data = (p: dnsPacket.DecodedPacket) => p.answers?.map((a) => (a as unknown as { data: unknown }).data);
  assert.deepEqual(data(await ask('example.org', 'A')), ['203.0.113.7']);
  assert.deepEqual(data(await ask('example.org', 'A')), ['203.0.113.7']);
  assert.equal((await ask('big.example.org', 'A', 4_096)).answers?.length, 100);
  assert.deepEqual(data(await ask('example.org', 'UNKNOWN_65')), [Buffer.from([0, 1, 0])]);
  assert.deepEqual(data(await ask('out.ns.svc.cluster.local', 'A')), ['example.com', '203.0.113.7']);
  assert.deepEqual(asked, [
    'udp example.org A',
    'udp big.example.org A',
    'tcp big.example.org A',
    'udp example.org UNKNOWN_65',
    'udp example.com A',
  ]);
});

test('nonsense gets an error or nothing, and the server goes on', async () => {
  assert.equal(await sendUdp(Buffer.from([1, 2, 3]), '127.0.0.2'), 'silence');
  const code = async (bytes: Buffer) => ((await sendUdp(bytes)) as Buffer).readUInt16BE(2) & 0xf;
  assert.equal(await code(Buffer.from('00070100000100000000000003', 'hex')), 1);
  assert.equal(await code(Buffer.from('000728000000000000000000', 'hex')), 4);
  assert.equal((await ask('cluster.local', 'AXFR')).rcode, 'REFUSED');
  assert.equal((await ask('cluster.local', 'SOA')).rcode, 'NOERROR');
});

test('who may not ask gets no answer', async () => {
  assert.equal(await sendUdp(question('many.ns.svc.cluster.local', 'A'), '127.0.0.9'), 'silence');
});

test('an upstream that is closed: SERVFAIL at once', async () => {
  const chain = createDnsChain({
    index: new RecordIndex(),
    zone,
    isReady: () => true,
    upstreams: () => [createUpstream('127.0.0.1', 1, 20_000)],
    counts: new Map(),
  });
  const startMs = performance.now();
  assert.equal((await chain({ name: 'example.com', type: 'A', wantsDnssec: false }, ctx)).code, 'SERVFAIL');
  assert.ok(performance.now() - startMs < 15_000, 'and not when its time is over');
});
