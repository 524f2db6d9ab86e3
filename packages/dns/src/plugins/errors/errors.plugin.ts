/** Turns what the rest of the chain throws into SERVFAIL, logs it, counts answers. Source: CoreDNS plugin/errors. */
import { describeError } from '@kapella/base';
import type { DnsPlugin, ResponseCode } from '../../message.ts';
import { replyOf } from '../../message.ts';

/** Answers so far by code. */
export type DnsCounts = Map<ResponseCode, number>;

export function errorsPlugin(counts: DnsCounts): DnsPlugin {
  const count = (code: ResponseCode) => void counts.set(code, (counts.get(code) ?? 0) + 1);
  return {
    name: 'errors',
    async handle(query, next, ctx) {
      try {
        const reply = await next(query, ctx);
        count(reply.code);
        return reply;
      } catch (error) {
        if (!ctx.signal.aborted) {
          ctx.log.error('dns query failed', { name: query.name, type: query.type, reason: describeError(error) });
        }
        count('SERVFAIL');
        return replyOf('SERVFAIL');
      }
    },
  };
}

/** Prometheus text. */
export function renderCounts(counts: DnsCounts): string {
  const lines = [
    '# HELP coredns_dns_responses_total Counter of response status codes.',
    '# TYPE coredns_dns_responses_total counter',
  ];
  for (const [code, value] of counts) lines.push(`coredns_dns_responses_total{rcode="${code}"} ${value}`);
  return `${lines.join('\n')}\n`;
}
