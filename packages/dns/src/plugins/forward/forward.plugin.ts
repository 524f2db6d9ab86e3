/** Asks other servers: one after the other until one answers. Source: CoreDNS plugin/forward. */
import { type Ctx, describeError } from '@kapella/base';
import type { DnsPlugin, DnsQuery, DnsReply } from '../../message.ts';
import { replyOf } from '../../message.ts';

/** One other server. Rejects when it did not answer in time. */
export interface Upstream {
  readonly name: string;
  exchange(query: DnsQuery, ctx: Ctx): Promise<DnsReply>;
}

const REST_MS = 5_000; // how long a server that failed is asked last

/** `upstreams` is asked at each query, so that a changed resolv.conf is followed. */
export function forwardPlugin(upstreams: () => readonly Upstream[]): DnsPlugin {
  const failedMs = new Map<string, number>();
  return {
    name: 'forward',
    async handle(query, _next, ctx) {
      const nowMs = ctx.clock.monotonicMs();
      const isResting = (u: Upstream) => (failedMs.get(u.name) ?? Number.NEGATIVE_INFINITY) + REST_MS > nowMs;
      const all = upstreams();
      for (const upstream of [...all.filter((u) => !isResting(u)), ...all.filter(isResting)]) {
        try {
          const reply = await upstream.exchange(query, ctx);
          failedMs.delete(upstream.name);
          if (reply.code !== 'SERVFAIL' && reply.code !== 'REFUSED') return { ...reply, authoritative: false };
        } catch (error) {
          ctx.signal.throwIfAborted();
          failedMs.set(upstream.name, ctx.clock.monotonicMs());
          ctx.log.debug('dns upstream failed', { upstream: upstream.name, reason: describeError(error) });
        }
      }
      return replyOf('SERVFAIL');
    },
  };
}

/** The servers that a resolv.conf names, in order, without doubles. */
export function parseResolvConf(text: string): readonly string[] {
  const found = text
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1])
    .filter((address) => address !== undefined);
  return [...new Set(found)];
}
