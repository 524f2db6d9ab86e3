/** Pods that want to be near to or far from other Pods. Source: kubernetes …/plugins/interpodaffinity. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { ClusterEvent } from '../../framework/cluster-events.ts';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';
import { isOnNode, isSamePod, nodesOf, podsOf } from '../../framework/hints.ts';
import type { PluginFactory } from '../../framework/plugin.ts';
import { type PodState, podStateOf } from '../../framework/pod-state.ts';
import { type CompiledTerm, topologyValue } from '../../framework/pod-terms.ts';
import { AffinityFilter, matchesAll } from './filter-state.ts';
import { AffinityScore } from './score-state.ts';

export interface InterPodAffinityArgs {
  readonly hardPodAffinityWeight: number;
  readonly ignorePreferredTermsOfExistingPods?: boolean;
}

export const interPodAffinity: PluginFactory<InterPodAffinityArgs> = {
  name: 'InterPodAffinity',
  create: ({ hardPodAffinityWeight, ignorePreferredTermsOfExistingPods = false }, { lookup }) => ({
    name: 'InterPodAffinity',
    events: [
      {
        resource: 'Pod',
        actions: ['Add', 'UpdatePodLabel', 'Delete'],
        hint: (pod, event) => isHelpedByPod(pod, event, lookup),
      },
      { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'], hint: isHelpedByNode },
    ],
    preFilter: (pod, snapshot) => AffinityFilter.of(pod, snapshot),
    preScore: (pod, snapshot) =>
      new AffinityScore(pod, snapshot, { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods }),
  }),
};

function isHelpedByPod(waiting: PodState, event: ClusterEvent, lookup: ClusterLookup): boolean {
  const { old, now } = podsOf(event);
  if (old !== undefined && now !== undefined && isSamePod(waiting, event)) return true;
  if ((now !== undefined && !isOnNode(now)) || (old !== undefined && !isOnNode(old))) return false;
  const labelsOf = (namespace: string) => lookup.get('Namespace', namespace)?.metadata.labels ?? {};
  const meets = (terms: readonly CompiledTerm[], pod: Pod) =>
    matchesAll(terms, { namespace: pod.metadata.namespace ?? '', labels: pod.metadata.labels ?? {} }, labelsOf);
  const { requiredNear, requiredFar } = waiting.terms;
  if (old !== undefined && now !== undefined) {
    if (!meets(requiredNear, old) && meets(requiredNear, now)) return true;
    return meets(requiredFar, old) && !meets(requiredFar, now);
  }
  if (now !== undefined) return meets(requiredNear, now);
  if (old === undefined) return false;
  return meets(requiredFar, old) || meets(podStateOf(old).terms.requiredFar, waiting.pod);
}

function isHelpedByNode({ terms }: PodState, event: ClusterEvent): boolean {
  const { old, now } = nodesOf(event);
  const values = ({ topologyKey }: CompiledTerm) => [
    topologyValue(old?.metadata.labels, topologyKey),
    topologyValue(now?.metadata.labels, topologyKey),
  ];
  for (const term of terms.requiredNear) {
    const [before, after] = values(term);
    if (after !== undefined && before !== after) return true;
  }
  if (terms.requiredFar.length > 0 && old === undefined) return true;
  for (const term of terms.requiredFar) {
    const [before, after] = values(term);
    if (before !== undefined && before !== after) return true;
  }
  return false;
}
