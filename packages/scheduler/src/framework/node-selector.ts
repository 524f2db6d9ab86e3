/** Node selectors and affinity terms against a node. Source: component-helpers/scheduling/corev1/nodeaffinity. */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '@kapella/api/types/core-v1';

export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false; // an empty term matches nothing
  const labels = node.metadata.labels ?? {};
  const labelOf = (key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  return (
    expressions.every((requirement) => meets(requirement, labelOf(requirement.key))) &&
    fields.every((requirement) =>
      meets(requirement, requirement.key === 'metadata.name' ? node.metadata.name : undefined),
    )
  );
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
      return actual !== undefined && /^-?\d+$/.test(actual) && Number(actual) > Number(values[0]);
    case 'Lt':
      return actual !== undefined && /^-?\d+$/.test(actual) && Number(actual) < Number(values[0]);
    default:
      return false;
  }
}

/** spec.nodeSelector and required node affinity together. */
export function matchesNodeAffinity(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) {
    if (!Object.hasOwn(labels, key) || labels[key] !== value) return false;
  }
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}
