/** Node selectors, required and preferred node affinity. Source: kubernetes …/plugins/nodeaffinity. */
import type { Node, NodeAffinity, NodeSelectorTerm, Pod, PreferredSchedulingTerm } from '@kapella/api/types/core-v1';
import { nodesOf } from '../../framework/hints.ts';
import { matchesNodeAffinity, matchesSelector, matchesTerm } from '../../framework/node-selector.ts';
import { type PluginFactory, unresolvable } from '../../framework/plugin.ts';

export interface NodeAffinityArgs {
  /** Asked of every Pod of the profile, beside what the Pod asks itself. */
  readonly addedAffinity?: NodeAffinity;
}

const REFUSAL = unresolvable("node(s) didn't match Pod's node affinity/selector");
const ENFORCED = unresolvable("node(s) didn't match scheduler-enforced node affinity");
const CONFLICT = unresolvable('pod affinity terms conflict');

export const nodeAffinity: PluginFactory<NodeAffinityArgs> = {
  name: 'NodeAffinity',
  create({ addedAffinity }) {
    const added = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const addedPreferred = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const isAdded = (node: Node) => added === undefined || matchesSelector(added, node);
    return {
      name: 'NodeAffinity',
      events: [
        {
          resource: 'Node',
          actions: ['Add', 'UpdateNodeLabel'],
          hint({ pod }, event) {
            const { old, now } = nodesOf(event);
            if (now === undefined || !isAdded(now) || !matchesNodeAffinity(pod, now)) return false;
            return old === undefined || !matchesNodeAffinity(pod, old);
          },
        },
      ],
      preFilter({ pod }) {
        const terms = requiredTerms(pod);
        if (terms === undefined && added === undefined && pod.spec.nodeSelector === undefined) return 'skip';
        const nodeNames = namesOf(terms ?? []);
        if (nodeNames?.size === 0) return CONFLICT;
        return {
          nodeNames,
          filter: ({ node }) => (!isAdded(node) ? ENFORCED : matchesNodeAffinity(pod, node) ? undefined : REFUSAL),
        };
      },
      preScore({ pod }) {
        const own = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
        if (own === undefined && addedPreferred.length === 0) return 'skip';
        const terms = [...addedPreferred, ...(own ?? [])];
        return { score: ({ node }) => weightOf(terms, node), normalize: 'max-is-best' };
      },
    };
  },
};

function requiredTerms(pod: Pod): readonly NodeSelectorTerm[] | undefined {
  return pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

/** The only nodes that the terms can mean, when each of them names some: as DaemonSet Pods do. */
function namesOf(terms: readonly NodeSelectorTerm[]): ReadonlySet<string> | undefined {
  if (terms.length === 0) return undefined;
  let all = new Set<string>();
  for (const { matchFields = [] } of terms) {
    let names: Set<string> | undefined;
    for (const { key, operator, values = [] } of matchFields) {
      if (key !== 'metadata.name' || operator !== 'In') continue;
      names = names === undefined ? new Set(values) : names.intersection(new Set(values));
    }
    if (names === undefined) return undefined;
    all = all.union(names);
  }
  return all;
}

/** An empty preference matches no node. */
function weightOf(terms: readonly PreferredSchedulingTerm[], node: Node): number {
  let sum = 0;
  for (const { weight, preference } of terms) if (weight !== 0 && matchesTerm(preference, node)) sum += weight;
  return sum;
}
