/** Why a Pod fits nowhere, in upstream's words. Source: kubernetes pkg/scheduler/framework/types.go FitError. */
import type { NodeState } from './node-state.ts';
import type { PluginRejection } from './plugin.ts';

export interface Diagnosis {
  readonly nodeCount: number;
  /** Refused before nodes were looked at: this is said once and not of each node. */
  readonly preFilter?: PluginRejection;
  /** How many nodes each refusal is told of: of those that were looked at and do not fit. */
  readonly counts: ReadonlyMap<PluginRejection, number>;
  /** Why the node does not fit; valid until the next decision. */
  of(node: NodeState): PluginRejection | undefined;
  refusalOf(node: string): PluginRejection | undefined;
  /** Plugins that left out all nodes that `refusals` does not name. */
  readonly narrowedBy: readonly string[];
  /** Plugins whose events make the Pod worth another try. */
  readonly plugins: ReadonlySet<string>;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had ….` `preemption`: what was tried to make room, if any. */
export function fitErrorMessage(diagnosis: Diagnosis, preemption = ''): string {
  const { nodeCount, preFilter } = diagnosis;
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const reasons = preFilter === undefined ? countedReasons(diagnosis) : preFilter.reasons.join(', ');
  const parts = [`0/${nodeCount} nodes are available:`];
  if (reasons !== '') parts.push(`${reasons}.`);
  if (preemption !== '') parts.push(preemption);
  return parts.join(' ');
}

function countedReasons({ nodeCount, counts, narrowedBy }: Diagnosis): string {
  const byReason = new Map<string, number>();
  let lookedAt = 0;
  for (const [{ reasons }, count] of counts) {
    lookedAt += count;
    for (const reason of reasons) byReason.set(reason, (byReason.get(reason) ?? 0) + count);
  }
  if (narrowedBy.length > 0 && nodeCount > lookedAt) {
    byReason.set(`node(s) didn't satisfy plugin(s) [${narrowedBy.join(' ')}]`, nodeCount - lookedAt);
  }
  return joinCounts(byReason);
}

/** `1 this, 2 that`, sorted as text. */
export function joinCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}
