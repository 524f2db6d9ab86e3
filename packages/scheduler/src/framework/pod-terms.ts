/** Pod (anti-)affinity terms made ready for matching. Source: kubernetes pkg/scheduler/framework/types.go AffinityTerm. */
import { compileLabelSelector } from '@kapella/api';
import type { Pod, PodAffinityTerm } from '@kapella/api/types/core-v1';
import type { Snapshot } from './snapshot.ts';

export interface CompiledTerm {
  readonly topologyKey: string;
  /** Whether a Pod (by its labels and namespace) is one the term speaks of. */
  matches(pod: Pod): boolean;
}

/** `owner`: the Pod that carries the term; its namespace is meant when none is named. */
export function compileTerm(term: PodAffinityTerm, owner: Pod, snapshot: Snapshot): CompiledTerm {
  const selector = compileLabelSelector(withLabelKeys(term, owner));
  const namespaces = new Set(term.namespaces ?? []);
  const anyNamespace = term.namespaceSelector === undefined ? undefined : compileLabelSelector(term.namespaceSelector);
  if (namespaces.size === 0 && anyNamespace === undefined) namespaces.add(owner.metadata.namespace ?? '');
  return {
    topologyKey: term.topologyKey,
    matches(pod) {
      const namespace = pod.metadata.namespace ?? '';
      const inSight = namespaces.has(namespace) || anyNamespace?.matches(snapshot.lookup.namespaceLabels(namespace));
      return inSight === true && selector.matches(pod.metadata.labels ?? {});
    },
  };
}

function withLabelKeys(term: PodAffinityTerm, owner: Pod): PodAffinityTerm['labelSelector'] {
  const labels = owner.metadata.labels ?? {};
  const pick = (keys: readonly string[] | undefined, operator: 'In' | 'NotIn') =>
    (keys ?? [])
      .filter((key) => Object.hasOwn(labels, key))
      .map((key) => ({ key, operator, values: [labels[key] as string] }));
  const added = [...pick(term.matchLabelKeys, 'In'), ...pick(term.mismatchLabelKeys, 'NotIn')];
  if (term.labelSelector === undefined || added.length === 0) return term.labelSelector;
  return { ...term.labelSelector, matchExpressions: [...(term.labelSelector.matchExpressions ?? []), ...added] };
}

/** The value of a label that must exist for a node to have a place in the topology. */
export function topologyValue(labels: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}
