/** The chain's other plugins under a clock of our own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ctx, silentLogger } from '@kapella/base';
import { createChain, type DnsQuery, type DnsReply, replyOf } from './message.ts';
import { cachePlugin } from './plugins/cache/cache.plugin.ts';
import { errorsPlugin } from './plugins/errors/errors.plugin.ts';
import { forwardPlugin, parseResolvConf, type Upstream } from './plugins/forward/forward.plugin.ts';
import { hostsPlugin } from './plugins/hosts/hosts.plugin.ts';
import { kubernetesPlugin, shuffled } from './plugins/kubernetes/kubernetes.plugin.ts';
import { RecordIndex } from './record-index.ts';

function world(): { ctx: Ctx; advance(ms: number): void } {
  let nowMs = 0;
  let seed = 1;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, setTimer: () => ({ cancel: () => {} }) };
  const random = {
    float: () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    },
    bytes: (n: number) => new Uint8Array(n),
    uuid: () => '',
  };
  return {
    ctx: { signal: new AbortController().signal, log: silentLogger, clock, random },
    advance(ms) {
      nowMs += ms;
    },
  };
}

const query = (name: string, type = 'A'): DnsQuery => ({ name, type, wantsDnssec: false });
const yes = (name: string, ttl: number, data = '1.2.3.4'): DnsReply => ({
  ...replyOf('NOERROR'),
  answers: [{ name, type: 'A', ttl, data }],
});

test('cache: kept for its time with falling TTL, "no" only with its SOA, questions in flight asked once', async () => {
  const { ctx, advance } = world();
  let asked = 0;
  let reply: DnsReply = yes('a', 20);
  const handle = async () => {
    asked++;
    return reply;
  };
  const chain = createChain([cachePlugin(), { name: 'end', handle }]);
  await Promise.all([chain(query('a'), ctx), chain(query('a'), ctx)]);
  assert.equal(asked, 1);
  advance(5_000);
  assert.equal((await chain(query('a'), ctx)).answers[0]?.ttl, 15);
  advance(15_000);
  await chain(query('a'), ctx);
  assert.equal(asked, 2);
  reply = replyOf('NXDOMAIN');
  await chain(query('b'), ctx);
  await chain(query('b'), ctx);
  assert.equal(asked, 4);
  reply = { ...reply, authorities: [{ name: 'z', type: 'SOA', ttl: 60, data: { minimum: 60 } }] };
  await chain(query('b'), ctx);
  advance(9_000);
  await chain(query('b'), ctx);
  assert.equal(asked, 5);
  reply = replyOf('SERVFAIL');
  await chain(query('c'), ctx);
  await chain(query('c'), ctx);
  assert.equal(asked, 7);
});

test('cache: never more entries than it may hold', async () => {
  const { ctx } = world();
  let asked = 0;
  const cache = cachePlugin({ entriesMax: 2, ttlSecondsMax: 30, negativeTtlSecondsMax: 5 });
  const handle = async (q: DnsQuery) => {
    asked++;
    return yes(q.name, 30);
  };
  const chain = createChain([cache, { name: 'end', handle }]);
  for (const name of ['a', 'b', 'c', 'c', 'b']) await chain(query(name), ctx);
  assert.equal(asked, 3);
  await chain(query('a'), ctx);
  assert.equal(asked, 4);
});

test('forward: the next server when one fails; the failed one is asked last for a while', async () => {
  const { ctx, advance } = world();
  const log: string[] = [];
  let isBroken = true;
  const server = (name: string, broken: () => boolean): Upstream => ({
    name,
    exchange: async () => {
      log.push(name);
      if (broken()) throw new Error('no answer');
      return yes('x', 30);
    },
  });
  const servers = [server('one', () => isBroken), server('two', () => false)];
  const chain = createChain([forwardPlugin(() => servers)]);
  assert.equal((await chain(query('x'), ctx)).code, 'NOERROR');
  await chain(query('x'), ctx);
  assert.deepEqual(log.splice(0), ['one', 'two', 'two']);
  advance(6_000);
  isBroken = false;
  await chain(query('x'), ctx);
  assert.deepEqual(log.splice(0), ['one']);
  assert.equal((await createChain([forwardPlugin(() => [])])(query('x'), ctx)).code, 'SERVFAIL');
});

test('kubernetes: before the first lists an unknown name is no "no"; ExternalName takes the answer of the chain', async () => {
  const { ctx } = world();
  const index = new RecordIndex();
  const zone = { zone: 'cluster.local', ttlSeconds: 5 };
  let isReady = false;
  const end = { name: 'end', handle: async (q: DnsQuery) => yes(q.name, 60) };
  const chain = createChain([kubernetesPlugin(index, zone, () => isReady), end]);
  assert.equal((await chain(query('a.b.svc.cluster.local'), ctx)).code, 'SERVFAIL');
  isReady = true;
  assert.equal((await chain(query('a.b.svc.cluster.local'), ctx)).code, 'NXDOMAIN');
  index.replace('o', [{ name: 'o.b.svc.cluster.local', type: 'CNAME', ttl: 5, data: 'example.com' }]);
  const reply = await chain(query('o.b.svc.cluster.local'), ctx);
  assert.deepEqual(
    reply.answers.map((r) => [r.name, r.type]),
    [
      ['o.b.svc.cluster.local', 'CNAME'],
      ['example.com', 'A'],
    ],
  );
});

test('addresses come in another order each time, all of them', () => {
  const { ctx } = world();
  const records = ['1', '2', '3'].map((data) => ({ name: 'a', type: 'A', ttl: 5, data }));
  const firsts = new Set<unknown>();
  for (let i = 0; i < 50; i++) {
    const list = shuffled(records, ctx.random);
    assert.deepEqual(list.map((r) => r.data).sort(), ['1', '2', '3']);
    firsts.add(list[0]?.data);
  }
  assert.equal(firsts.size, 3);
});

test('hosts answer for their names only; errors become SERVFAIL and are counted', async () => {
  const { ctx } = world();
  const counts = new Map();
  const chain = createChain([
    errorsPlugin(counts),
    hostsPlugin(new Map([['Node-1', ['192.0.2.1', 'fd00::1']]])),
    { name: 'end', handle: async () => Promise.reject(new Error('broken')) },
  ]);
  assert.deepEqual(
    (await chain(query('node-1'), ctx)).answers.map((r) => r.data),
    ['192.0.2.1'],
  );
  assert.deepEqual((await chain(query('node-1', 'MX'), ctx)).answers, []);
  assert.equal((await chain(query('other'), ctx)).code, 'SERVFAIL');
  assert.deepEqual(
    [...counts],
    [
      ['NOERROR', 2],
      ['SERVFAIL', 1],
    ],
  );
});

test('resolv.conf: servers in order, without doubles and comments', () => {
  const text = '# nameserver 9.9.9.9\nsearch x\nnameserver 1.1.1.1\n nameserver\tfd00::1 # here\nnameserver 1.1.1.1\n';
  assert.deepEqual(parseResolvConf(text), ['1.1.1.1', 'fd00::1']);
});
