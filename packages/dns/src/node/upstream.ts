/** One other DNS server: UDP from a fresh port for each question, TCP where the answer does not fit. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { ApiError } from '@kapella/base';
import type { DnsQuery, DnsReply } from '../message.ts';
import { parseResolvConf, type Upstream } from '../plugins/forward/forward.plugin.ts';
import { decodeReply, encodeQuestion } from './wire.ts';

const TIMEOUT_MS = 2_000;
const RELOAD_MS = 10_000;

export function createUpstream(address: string, port = 53, timeoutMs = TIMEOUT_MS): Upstream {
  return {
    name: `${address}:${port}`,
    async exchange(query) {
      const { reply, isTruncated } = await askUdp(address, port, query, timeoutMs);
      return isTruncated ? askTcp(address, port, query, timeoutMs) : reply;
    },
  };
}

const timedOut = (address: string) => new ApiError('Timeout', `DNS server ${address} did not answer`);

function askUdp(address: string, port: number, query: DnsQuery, timeoutMs: number) {
  return new Promise<{ reply: DnsReply; isTruncated: boolean }>((resolve, reject) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const id = randomInt(0x1_0000);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket
        .removeAllListeners()
        .on('error', () => {})
        .close();
      settle();
    };
    const timer = setTimeout(() => end(() => reject(timedOut(address))), timeoutMs);
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('message', (bytes) => {
      try {
        const answer = decodeReply(bytes, id, query);
        if (answer !== undefined) end(() => resolve(answer));
      } catch (error) {
        end(() => reject(error));
      }
    });
    // Connected: the kernel drops packets from anyone else, and reports a closed port at once.
    socket.connect(port, address, () => socket.send(encodeQuestion(id, query)));
  });
}

function askTcp(address: string, port: number, query: DnsQuery, timeoutMs: number): Promise<DnsReply> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    const id = randomInt(0x1_0000);
    let received = Buffer.alloc(0);
    const fail = (error: unknown) => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(timedOut(address)));
    socket.on('error', fail);
    socket.on('close', () => reject(new ApiError('ServiceUnavailable', `DNS server ${address} closed the connection`)));
    socket.on('connect', () => {
      const bytes = encodeQuestion(id, query);
      const head = Buffer.alloc(2);
      head.writeUInt16BE(bytes.length);
      socket.write(Buffer.concat([head, bytes]));
    });
    socket.on('data', (part: Buffer) => {
      received = Buffer.concat([received, part]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      try {
        const answer = decodeReply(received.subarray(2, 2 + received.readUInt16BE(0)), id, query);
        if (answer === undefined)
          throw new ApiError('InternalError', `DNS server ${address} answered another question`);
        resolve(answer.reply);
        socket.destroy();
      } catch (error) {
        fail(error);
      }
    });
  });
}

/** The servers of a resolv.conf, read again every 10 s; `own` addresses are left out, else a query would go in circles. */
export function resolvConfUpstreams(path: string, own: ReadonlySet<string>): () => readonly Upstream[] {
  let upstreams: readonly Upstream[] = [];
  let names = '';
  let readMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - readMs < RELOAD_MS) return upstreams;
    readMs = nowMs;
    let text = '';
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return upstreams; // as good as what was known
    }
    const next = parseResolvConf(text).filter((address) => !own.has(address));
    if (next.join() !== names) {
      names = next.join();
      upstreams = next.map((address) => createUpstream(address));
    }
    return upstreams;
  };
}
