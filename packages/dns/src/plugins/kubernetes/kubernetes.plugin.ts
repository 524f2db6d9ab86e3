/** Answers for the cluster's zone from the record index; ExternalNames are followed down the chain. */
import type { Ctx, Random } from '@kapella/base';
import type { DnsPlugin, DnsRecord } from '../../message.ts';
import type { ZoneOptions } from '../../plan-records.ts';
import type { RecordIndex } from '../../record-index.ts';
import { answerFromZone } from './answer.ts';

/** `isReady`: before the first lists nothing is known, and "no such name" would be a lie that clients keep. */
export function kubernetesPlugin(index: RecordIndex, options: ZoneOptions, isReady: () => boolean): DnsPlugin {
  return {
    name: 'kubernetes',
    async handle(query, next, ctx: Ctx) {
      const answer = answerFromZone(index, options, query);
      if (answer === undefined) return next(query, ctx);
      const { reply, follow } = answer;
      if (!isReady() && reply.code === 'NXDOMAIN') return { ...reply, code: 'SERVFAIL', authorities: [] };
      if (follow === undefined) return { ...reply, answers: shuffled(reply.answers, ctx.random) };
      const rest = await next({ ...query, name: follow }, ctx);
      return { ...reply, code: rest.code, answers: [...reply.answers, ...rest.answers], authorities: rest.authorities };
    },
  };
}

/** Clients take the first address: another one each time. CNAMEs stay in front, in order. */
export function shuffled(records: readonly DnsRecord[], random: Random): readonly DnsRecord[] {
  const list = records.filter((r) => r.type !== 'CNAME');
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random.float() * (i + 1));
    [list[i], list[j]] = [list[j] as DnsRecord, list[i] as DnsRecord];
  }
  return [...records.filter((r) => r.type === 'CNAME'), ...list];
}
