/** Pod (anti-)affinity terms made ready for matching. Source: kubernetes pkg/scheduler/framework/types.go AffinityTerm. */
import { compileLabelSelector } from '@kapella/api';
import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '@kapella/api/types/core-v1';

type Labels = Readonly<Record<string, string>>;

/** A Pod as a term looks at it. */
export interface TermSubject {
  readonly namespace: string;
  readonly labels: Labels;
}

export type NamespaceLabels = (namespace: string) => Labels;

export interface CompiledTerm {
  readonly topologyKey: string;
  /** Positive: wants to be near; negative: far. Required terms have 1. */
  readonly weight: number;
  /** Whether a Pod (by its labels and namespace) is one the term speaks of. */
  matches(subject: TermSubject, namespaceLabels: NamespaceLabels): boolean;
}

export interface AffinityTerms {
  readonly requiredNear: readonly CompiledTerm[];
  readonly requiredFar: readonly CompiledTerm[];
  /** Weights are negative where the Pod wants to be far. */
  readonly preferred: readonly CompiledTerm[];
  readonly isEmpty: boolean;
}

export const NO_TERMS: AffinityTerms = { requiredNear: [], requiredFar: [], preferred: [], isEmpty: true };

export function affinityTermsOf(pod: Pod): AffinityTerms {
  const { podAffinity: near, podAntiAffinity: far } = pod.spec.affinity ?? {};
  const required = (terms: readonly PodAffinityTerm[] = []) => terms.map((term) => compileTerm(term, 1, pod));
  const preferred = (terms: readonly WeightedPodAffinityTerm[] = [], sign: 1 | -1) =>
    terms.map(({ podAffinityTerm, weight }) => compileTerm(podAffinityTerm, sign * weight, pod));
  return {
    requiredNear: required(near?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredFar: required(far?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: [
      ...preferred(near?.preferredDuringSchedulingIgnoredDuringExecution, 1),
      ...preferred(far?.preferredDuringSchedulingIgnoredDuringExecution, -1),
    ],
    isEmpty: false,
  };
}

/** `owner`: the Pod that carries the term; its namespace is meant when none is named. */
function compileTerm(term: PodAffinityTerm, weight: number, owner: Pod): CompiledTerm {
  const selector = compileLabelSelector(withLabelKeys(term, owner));
  const namespaces = new Set(term.namespaces ?? []);
  const ofNamespaces = term.namespaceSelector === undefined ? undefined : compileLabelSelector(term.namespaceSelector);
  if (namespaces.size === 0 && ofNamespaces === undefined) namespaces.add(owner.metadata.namespace ?? '');
  return {
    topologyKey: term.topologyKey,
    weight,
    matches({ namespace, labels }, namespaceLabels) {
      if (!namespaces.has(namespace)) {
        if (ofNamespaces === undefined || !ofNamespaces.matches(namespaceLabels(namespace))) return false;
      }
      return selector.matches(labels);
    },
  };
}

/** The API server merges these keys into the selector when a Pod is created; Pods from before it did are met here. */
function withLabelKeys(term: PodAffinityTerm, owner: Pod): PodAffinityTerm['labelSelector'] {
  if (term.labelSelector === undefined) return undefined;
  const labels = owner.metadata.labels ?? {};
  const present = term.labelSelector.matchExpressions ?? [];
  const pick = (keys: readonly string[] | undefined, operator: 'In' | 'NotIn') =>
    (keys ?? [])
      .filter((key) => Object.hasOwn(labels, key))
      .filter((key) => !present.some((expression) => expression.key === key && expression.operator === operator))
      .map((key) => ({ key, operator, values: [labels[key] as string] }));
  const added = [...pick(term.matchLabelKeys, 'In'), ...pick(term.mismatchLabelKeys, 'NotIn')];
  return added.length === 0 ? term.labelSelector : { ...term.labelSelector, matchExpressions: [...present, ...added] };
}

/** The value of a label that must exist for a node to have a place in the topology. */
export function topologyValue(labels: Labels | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}
