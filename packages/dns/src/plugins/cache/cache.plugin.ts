/** Remembers the rest of the chain's answers; equal questions in flight are asked once. Source: CoreDNS plugin/cache. */
import type { Ctx } from '@kapella/base';
import type { DnsPlugin, DnsRecord, DnsReply } from '../../message.ts';

export interface CacheOptions {
  readonly entriesMax: number;
  readonly ttlSecondsMax: number;
  /** For answers that say "no". */
  readonly negativeTtlSecondsMax: number;
}

export const CACHE_DEFAULTS: CacheOptions = { entriesMax: 10_000, ttlSecondsMax: 30, negativeTtlSecondsMax: 10 };

interface Entry {
  readonly reply: DnsReply;
  readonly storedMs: number;
  readonly expiresMs: number;
}

export function cachePlugin(options: CacheOptions = CACHE_DEFAULTS): DnsPlugin {
  const entries = new Map<string, Entry>(); // oldest first
  const inFlight = new Map<string, Promise<DnsReply>>();
  const store = (key: string, reply: DnsReply, ctx: Ctx) => {
    const seconds = lifeSeconds(reply, options);
    if (seconds <= 0) return;
    const nowMs = ctx.clock.monotonicMs();
    entries.delete(key);
    entries.set(key, { reply, storedMs: nowMs, expiresMs: nowMs + seconds * 1000 });
    if (entries.size > options.entriesMax) entries.delete(entries.keys().next().value as string);
  };
  return {
    name: 'cache',
    async handle(query, next, ctx) {
      const key = `${query.name} ${query.type} ${query.wantsDnssec}`;
      const nowMs = ctx.clock.monotonicMs();
      const entry = entries.get(key);
      if (entry !== undefined && entry.expiresMs > nowMs)
        return aged(entry.reply, Math.floor((nowMs - entry.storedMs) / 1000));
      if (entry !== undefined) entries.delete(key);
      const running = inFlight.get(key);
      if (running !== undefined) return running;
      const asked = next(query, ctx);
      inFlight.set(key, asked);
      try {
        const reply = await asked;
        store(key, reply, ctx);
        return reply;
      } finally {
        inFlight.delete(key);
      }
    },
  };
}

/** 0: not to be kept. */
function lifeSeconds(reply: DnsReply, options: CacheOptions): number {
  if (reply.code === 'NOERROR' && reply.answers.length > 0) {
    return Math.min(options.ttlSecondsMax, ...reply.answers.map((r) => r.ttl));
  }
  if (reply.code !== 'NOERROR' && reply.code !== 'NXDOMAIN') return 0;
  const soa = reply.authorities.find((r) => r.type === 'SOA');
  if (soa === undefined) return 0; // without it "no" may not be kept (RFC 2308)
  const minimum = (soa.data as { readonly minimum?: number }).minimum ?? 0;
  return Math.min(options.negativeTtlSecondsMax, soa.ttl, minimum);
}

function aged(reply: DnsReply, seconds: number): DnsReply {
  const age = (records: readonly DnsRecord[]) => records.map((r) => ({ ...r, ttl: Math.max(0, r.ttl - seconds) }));
  return {
    ...reply,
    answers: age(reply.answers),
    authorities: age(reply.authorities),
    additionals: age(reply.additionals),
  };
}
