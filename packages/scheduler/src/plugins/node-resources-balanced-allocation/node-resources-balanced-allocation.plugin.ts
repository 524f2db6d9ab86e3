/** Prefers nodes whose CPU and memory would be used to a like share. Source: …/noderesources/balanced_allocation.go. */
import { defineSchedulerPlugin, SCORE_MAX } from '../../framework/plugin.ts';

export const nodeResourcesBalancedAllocation = defineSchedulerPlugin({
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  wakeOn: [],
  preScore(pod) {
    const asks = (pod.requests.get('cpu') ?? 0) > 0 || (pod.requests.get('memory') ?? 0) > 0;
    return asks ? { state: undefined } : 'skip'; // best-effort Pods do not tip the balance
  },
  score(pod, node) {
    const share = (resource: string) => {
      const capacity = node.allocatable.get(resource) ?? 0;
      if (capacity === 0) return undefined;
      const used = (node.requested.get(resource) ?? 0) + (pod.requests.get(resource) ?? 0);
      return Math.min(1, used / capacity);
    };
    const shares = [share('cpu'), share('memory')].filter((value) => value !== undefined);
    const [a = 0, b = a] = shares;
    // The standard deviation of two values is half their distance.
    return Math.trunc((1 - Math.abs(a - b) / 2) * SCORE_MAX);
  },
});
