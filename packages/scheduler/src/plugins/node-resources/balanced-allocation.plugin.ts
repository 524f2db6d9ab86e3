/** Prefers nodes whose resources the Pod brings nearer to a like share. Source: …/noderesources/balanced_allocation.go. */
import { type PluginFactory, SCORE_MAX } from '../../framework/plugin.ts';
import { podRequests } from '../../framework/resources.ts';
import { isScalarResource, type ResourceWeight, type ScoredResource } from './scoring.ts';

export interface NodeResourcesBalancedAllocationArgs {
  readonly resources: readonly ResourceWeight[];
}

export const nodeResourcesBalancedAllocation: PluginFactory<NodeResourcesBalancedAllocationArgs> = {
  name: 'NodeResourcesBalancedAllocation',
  create: ({ resources }) => ({
    name: 'NodeResourcesBalancedAllocation',
    preScore({ pod }) {
      const requests = podRequests(pod, { useStatus: true });
      const asked = resources.map(({ name, weight }) => ({ name, weight, amount: requests.get(name) ?? 0 }));
      if (asked.every(({ amount }) => amount === 0)) return 'skip'; // best-effort Pods do not tip the balance
      const scored: ScoredResource[] = asked.filter(({ name, amount }) => amount > 0 || !isScalarResource(name));
      const before: number[] = [];
      const after: number[] = [];
      return {
        score(node) {
          let count = 0;
          for (const { name, amount } of scored) {
            const capacity = node.allocatable(name);
            if (capacity === 0) continue;
            const used = node.requested(name);
            before[count] = Math.min(1, used / capacity);
            after[count++] = Math.min(1, (used + amount) / capacity);
          }
          const half = SCORE_MAX / 2;
          return half + Math.trunc((half + balance(after, count) - balance(before, count)) / 2);
        },
      };
    },
  }),
};

/** 100 when all shares are alike, less the more they deviate. */
function balance(shares: readonly number[], count: number): number {
  let deviation = 0;
  if (count === 2) deviation = Math.abs(((shares[0] as number) - (shares[1] as number)) / 2);
  else if (count > 2) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += shares[i] as number;
    const mean = sum / count;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += ((shares[i] as number) - mean) ** 2;
    deviation = Math.sqrt(squares / count);
  }
  return Math.trunc((1 - deviation) * SCORE_MAX);
}
