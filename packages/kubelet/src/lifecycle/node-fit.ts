/**
 * Whether a Pod may be on this node at all: selectors, node affinity, taints that end Pods. Only at its arrival: what runs
 * is ended by the taint manager alone. Source: kubernetes pkg/kubelet/lifecycle/predicate.go (generalFilter).
 */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '@kapella/api/types/core-v1';
import type { Rejection } from './admission.ts';
import { isStatic } from './priority.ts';
import { toleratesTaint } from './taints.ts';

const failed = (predicate: string, why: string): Rejection => ({
  reason: predicate,
  message: `Predicate ${predicate} failed: ${why}`,
});

/** undefined = it may. */
export function judgeNodeFit(pod: Pod, node: Pick<Node, 'metadata' | 'spec'>): Rejection | undefined {
  if (!matchesNode(pod, node)) return failed('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  const { tolerations } = pod.spec;
  const ends = (node.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
  if (isStatic(pod) || ends.every((taint) => toleratesTaint(tolerations, taint))) return undefined;
  return failed('TaintToleration', "node(s) had taints that the pod didn't tolerate");
}

function matchesNode({ spec }: Pod, { metadata }: Pick<Node, 'metadata'>): boolean {
  const labels = metadata.labels ?? {};
  const labelOf = (key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  if (Object.entries(spec.nodeSelector ?? {}).some(([key, value]) => labelOf(key) !== value)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return true;
  return required.nodeSelectorTerms.some((term) => matchesTerm(term, labelOf, metadata.name));
}

type ValueOf = (key: string) => string | undefined;

/** An empty term matches no node. */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, labelOf: ValueOf, name: string) {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const fieldOf: ValueOf = (key) => (key === 'metadata.name' ? name : undefined);
  return (
    matchExpressions.every((one) => matchesRequirement(one, labelOf)) &&
    matchFields.every((one) => matchesRequirement(one, fieldOf))
  );
}

function matchesRequirement({ key, operator, values = [] }: NodeSelectorRequirement, read: ValueOf): boolean {
  const value = read(key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt':
      return compares(operator, value, values[0]);
    default:
      return false;
  }
}

function compares(operator: 'Gt' | 'Lt', value: string | undefined, bound: string | undefined): boolean {
  if (value === undefined || bound === undefined || !/^-?\d+$/.test(value) || !/^-?\d+$/.test(bound)) return false;
  return operator === 'Gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}
