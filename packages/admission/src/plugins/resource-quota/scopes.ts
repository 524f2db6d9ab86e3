/** Which objects a quota is about. Source: kubernetes pkg/quota/v1/evaluator/core/pods.go. */
import type {
  Pod,
  PodAffinityTerm,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
} from '@kapella/api/types/core-v1';
import type { AdmissionRequest } from '@kapella/apiserver';
import { isFor, podOf } from '../../support/request.ts';

export function quotaMatches({ spec }: ResourceQuota, request: AdmissionRequest): boolean {
  const scopes = [
    ...(spec.scopes ?? []).map((scopeName): ScopedResourceSelectorRequirement => ({ scopeName, operator: 'Exists' })),
    ...(spec.scopeSelector?.matchExpressions ?? []),
  ];
  if (scopes.length === 0) return true;
  // Scopes select Pods: a scoped quota counts nothing else.
  return isFor(request, 'pods') && scopes.every((scope) => podMatches(podOf(request), scope));
}

function podMatches(pod: Pod, { scopeName, operator, values = [] }: ScopedResourceSelectorRequirement): boolean {
  const { activeDeadlineSeconds, priorityClassName = '' } = pod.spec;
  switch (scopeName) {
    case 'Terminating':
      return activeDeadlineSeconds !== undefined;
    case 'NotTerminating':
      return activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      if (operator === 'Exists') return priorityClassName !== '';
      if (operator === 'DoesNotExist') return priorityClassName === '';
      return (operator === 'In') === values.includes(priorityClassName);
    case 'CrossNamespacePodAffinity':
      return affinityTerms(pod).some((t) => (t.namespaces?.length ?? 0) > 0 || t.namespaceSelector !== undefined);
    default:
      return false;
  }
}

function isBestEffort({ spec }: Pod): boolean {
  const lists = [spec.resources, ...[...spec.containers, ...(spec.initContainers ?? [])].map((c) => c.resources)];
  return lists.every((r) =>
    ['cpu', 'memory'].every((name) => !isSet(r?.requests?.[name]) && !isSet(r?.limits?.[name])),
  );
}

const isSet = (amount: string | undefined) => amount !== undefined && amount !== '0';

function affinityTerms({ spec: { affinity } }: Pod): readonly PodAffinityTerm[] {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((rules) => [
    ...(rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((weighted) => weighted.podAffinityTerm),
  ]);
}
