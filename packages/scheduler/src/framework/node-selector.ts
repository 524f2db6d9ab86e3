/** Node selectors and affinity terms against a node. Source: component-helpers/scheduling/corev1/nodeaffinity. */
import type { Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '@kapella/api/types/core-v1';

type Labels = Readonly<Record<string, string>>;

/** An empty selector or term matches nothing. */
export function matchesSelector(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const { labels } = node.metadata;
  for (const requirement of matchExpressions) if (!meets(requirement, labelOf(labels, requirement.key))) return false;
  for (const requirement of matchFields) {
    if (!meets(requirement, requirement.key === 'metadata.name' ? node.metadata.name : undefined)) return false;
  }
  return true;
}

function labelOf(labels: Labels | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function meets({ operator, values = [] }: NodeSelectorRequirement, actual: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values.includes(actual);
    case 'NotIn':
      return actual === undefined || !values.includes(actual);
    case 'Exists':
      return actual !== undefined;
    case 'DoesNotExist':
      return actual === undefined;
    case 'Gt':
    case 'Lt':
      return actual !== undefined && compares(operator, actual, values[0] ?? '');
    default:
      return false;
  }
}

/** Whole numbers of 64 bits; anything else does not match. */
function compares(operator: 'Gt' | 'Lt', actual: string, bound: string): boolean {
  const pattern = /^[+-]?\d{1,19}$/;
  if (!pattern.test(actual) || !pattern.test(bound)) return false;
  const [left, right] = [BigInt(actual.replace('+', '')), BigInt(bound.replace('+', ''))];
  return operator === 'Gt' ? left > right : left < right;
}

/** spec.nodeSelector and required node affinity together. */
export function matchesNodeAffinity(pod: Pod, node: Node): boolean {
  const { labels } = node.metadata;
  const { nodeSelector, affinity } = pod.spec;
  if (nodeSelector !== undefined) {
    for (const key of Object.keys(nodeSelector)) if (labelOf(labels, key) !== nodeSelector[key]) return false;
  }
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesSelector(required, node);
}
