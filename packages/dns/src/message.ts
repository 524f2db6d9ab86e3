/** A DNS query and its answer as the plugins see them. Record data has the shape that dns-packet encodes. */
import type { Ctx } from '@kapella/base';

export interface DnsRecord {
  readonly name: string;
  /** `A`, `SRV`, ...; `UNKNOWN_65` for types without a name. */
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  readonly data: unknown;
}

export interface SrvData {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

export interface DnsQuery {
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: string;
  /** The client understands DNSSEC records (EDNS0 DO). */
  readonly wantsDnssec: boolean;
}

export type ResponseCode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED';

export interface DnsReply {
  readonly code: ResponseCode;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export type DnsHandler = (query: DnsQuery, ctx: Ctx) => Promise<DnsReply>;

/** One link of the chain: answers itself or asks `next`. */
export interface DnsPlugin {
  readonly name: string;
  handle(query: DnsQuery, next: DnsHandler, ctx: Ctx): Promise<DnsReply>;
}

export const replyOf = (code: ResponseCode): DnsReply => ({
  code,
  authoritative: false,
  answers: [],
  authorities: [],
  additionals: [],
});

/** First plugin first; the end of the chain refuses. */
export function createChain(plugins: readonly DnsPlugin[]): DnsHandler {
  let handler: DnsHandler = async () => replyOf('REFUSED');
  for (const plugin of plugins.toReversed()) {
    const next = handler;
    handler = (query, ctx) => plugin.handle(query, next, ctx);
  }
  return handler;
}

export const normalName = (name: string): string => name.toLowerCase().replace(/\.$/, '');
