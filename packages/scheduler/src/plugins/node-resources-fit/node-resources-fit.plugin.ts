/** Requests must fit what the node has left; least allocated scores best. Source: kubernetes …/plugins/noderesources. */
import { defineSchedulerPlugin, type Rejection, SCORE_MAX } from '../../framework/plugin.ts';
import type { NodeState, PodState } from '../../framework/snapshot.ts';

export const nodeResourcesFit = defineSchedulerPlugin({
  name: 'NodeResourcesFit',
  weight: 1,
  wakeOn: ['pod.delete', 'node.add', 'node.allocatable', 'pod.update'],
  filter: (pod, node) => firstShortage(pod, node),
  /** Mean over CPU and memory of the share that stays free. */
  score(pod, node) {
    const cpu = freeShare(node.scoredMilliCpu + pod.scored.milliCpu, node.allocatable.get('cpu') ?? 0);
    const memory = freeShare(node.scoredMemoryBytes + pod.scored.memoryBytes, node.allocatable.get('memory') ?? 0);
    return Math.trunc((cpu + memory) / 2);
  },
});

/** Upstream names every shortage of a node; each is one reason, so they are joined as it prints them. */
export function firstShortage(pod: PodState, node: NodeState): Rejection | undefined {
  const reasons: string[] = [];
  let isResolvable = true;
  const podsMax = node.allocatable.get('pods') ?? 0;
  if (node.pods.size + 1 > podsMax) reasons.push('Too many pods');
  for (const [resource, wanted] of pod.requests) {
    if (wanted === 0) continue;
    const allocatable = node.allocatable.get(resource) ?? 0;
    if (wanted <= allocatable - (node.requested.get(resource) ?? 0)) continue;
    reasons.push(`Insufficient ${resource}`);
    if (wanted > allocatable) isResolvable = false;
  }
  if (reasons.length === 0) return undefined;
  return { code: isResolvable ? 'Unschedulable' : 'UnschedulableAndUnresolvable', reason: reasons.join(', '), reasons };
}

function freeShare(used: number, capacity: number): number {
  return capacity === 0 || used > capacity ? 0 : Math.trunc(((capacity - used) * SCORE_MAX) / capacity);
}
