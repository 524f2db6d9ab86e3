/** Listens on UDP and TCP and answers from a handler. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { BlockList, createServer, isIPv6, type Server, type Socket } from 'node:net';
import { ApiError, type Ctx } from '@kapella/base';
import type { DnsHandler } from '../message.ts';
import { replyOf } from '../message.ts';
import { decodeQuery, encodeReply } from './wire.ts';

const TCP_IDLE_MS = 10_000;
const TCP_CONNECTIONS_MAX = 1_000;
const TCP_BYTES_MAX = 65_535;
const BIND_ATTEMPTS_MAX = 20;

export interface ServerOptions {
  /** An address that Pods can reach: the node's. */
  readonly address: string;
  /** 0: any that is free for UDP and TCP. */
  readonly port: number;
  /** Networks that may ask; empty: all. Others get no answer, so that the node is no open resolver. */
  readonly allowedCIDRs: readonly string[];
}

export interface DnsServer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Throws when the address or port is not free. `ctx` is what queries run under; close() ends the server. */
export async function startDnsServer(options: ServerOptions, handler: DnsHandler, ctx: Ctx): Promise<DnsServer> {
  const isAllowed = allowList(options.allowedCIDRs);
  const answer = async (bytes: Buffer, isTcp: boolean): Promise<Buffer | undefined> => {
    const wire = decodeQuery(bytes);
    if (wire === undefined) return undefined;
    const reply = wire.query === undefined ? replyOf(wire.refusal) : await handler(wire.query, ctx);
    return encodeReply(wire, reply, isTcp ? TCP_BYTES_MAX : wire.udpBytesMax);
  };
  const udp = createSocket(isIPv6(options.address) ? 'udp6' : 'udp4');
  udp.on('message', (bytes, from) => {
    if (!isAllowed(from.address)) return;
    answer(bytes, false).then(
      (reply) => reply !== undefined && udp.send(reply, from.port, from.address, () => {}), // it may be closed by now
      (error: unknown) => ctx.log.error('dns answer not encoded', { reason: String(error) }),
    );
  });
  const connections = new Set<Socket>();
  const tcp = createServer((socket) => {
    if (!isAllowed(socket.remoteAddress ?? '')) return void socket.destroy();
    connections.add(socket.on('close', () => connections.delete(socket)));
    serveTcp(socket, (bytes) => answer(bytes, true));
  });
  tcp.maxConnections = TCP_CONNECTIONS_MAX;
  const port = await bindBoth(udp, tcp, options);
  udp.on('error', (error) => ctx.log.error('dns socket failed', { reason: error.message }));
  tcp.on('error', (error) => ctx.log.error('dns socket failed', { reason: error.message }));
  return {
    address: options.address,
    port,
    async close() {
      for (const socket of connections) socket.destroy();
      await Promise.all([new Promise<void>((done) => udp.close(done)), new Promise((done) => tcp.close(done))]);
    },
  };
}

/** One number for both; when any will do, tries until one is free for both. */
async function bindBoth(udp: UdpSocket, tcp: Server, { address, port }: ServerOptions): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    tcp.listen({ host: address, port });
    await once(tcp, 'listening');
    const bound = (tcp.address() as { port: number }).port;
    try {
      udp.bind(bound, address);
      await once(udp, 'listening');
      return bound;
    } catch (error) {
      await new Promise((done) => tcp.close(done));
      if (port === 0 && attempt < BIND_ATTEMPTS_MAX) continue;
      udp.close();
      throw new ApiError('InternalError', `DNS cannot listen on ${address} port ${bound}`, { cause: error });
    }
  }
}

function serveTcp(socket: Socket, answer: (bytes: Buffer) => Promise<Buffer | undefined>): void {
  let received = Buffer.alloc(0);
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (part: Buffer) => {
    received = Buffer.concat([received, part]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const length = received.readUInt16BE(0);
      const bytes = received.subarray(2, 2 + length);
      received = received.subarray(2 + length);
      answer(bytes).then(
        (reply) => {
          if (reply === undefined) return void socket.destroy();
          const head = Buffer.alloc(2);
          head.writeUInt16BE(reply.length);
          socket.write(Buffer.concat([head, reply]));
        },
        () => socket.destroy(),
      );
    }
  });
}

function allowList(cidrs: readonly string[]): (address: string) => boolean {
  if (cidrs.length === 0) return () => true;
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/');
    const type = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, bits === undefined ? (type === 'ipv6' ? 128 : 32) : Number(bits), type);
  }
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
