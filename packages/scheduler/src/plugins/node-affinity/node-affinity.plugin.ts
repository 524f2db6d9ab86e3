/** Node selectors, required and preferred node affinity. Source: kubernetes …/plugins/nodeaffinity. */
import type { PreferredSchedulingTerm } from '@kapella/api/types/core-v1';
import { matchesNodeAffinity, matchesTerm } from '../../framework/node-selector.ts';
import { defineSchedulerPlugin } from '../../framework/plugin.ts';

export const nodeAffinity = defineSchedulerPlugin<readonly PreferredSchedulingTerm[]>({
  name: 'NodeAffinity',
  weight: 2,
  wakeOn: ['node.add', 'node.labels'],
  filter(pod, node) {
    if (matchesNodeAffinity(pod.pod, node.node)) return undefined;
    return { code: 'UnschedulableAndUnresolvable', reason: "node(s) didn't match Pod's node affinity/selector" };
  },
  preScore(pod) {
    const terms = pod.pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return terms.length === 0 ? 'skip' : { state: terms };
  },
  score(_pod, node, terms) {
    const matching = terms.filter((term) => term.weight !== 0 && matchesTerm(term.preference, node.node));
    return matching.reduce((sum, term) => sum + term.weight, 0);
  },
  normalize: 'max-is-best',
});
