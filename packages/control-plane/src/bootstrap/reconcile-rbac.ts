/** What brings a bootstrap role or binding back to what it must at least be. Pure. Source: component-helpers/auth/rbac/reconciliation. */
import type { UnknownObject } from '@kapella/api';
import { missingRules, type PolicyRule } from '@kapella/apiserver';
import { jsonEqual } from '@kapella/base';
import type { Manifest } from './objects.ts';

const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
const RBAC_GROUP = 'rbac.authorization.k8s.io';

export type RbacPlan =
  | { readonly operation: 'none' }
  | { readonly operation: 'update'; readonly object: UnknownObject }
  /** Where a binding leads cannot be changed. */
  | { readonly operation: 'recreate' };

/** What users added stays; what they took away comes back, unless the object says that it is theirs. */
export function planRbac(present: UnknownObject, wanted: Manifest): RbacPlan {
  if (present.metadata.annotations?.[AUTO_UPDATE] === 'false') return { operation: 'none' };
  const isBinding = wanted['roleRef'] !== undefined;
  if (isBinding && !jsonEqual(present['roleRef'], wanted['roleRef'])) return { operation: 'recreate' };
  const object = withMetadata(isBinding ? withSubjects(present, wanted) : withRules(present, wanted), wanted);
  return jsonEqual(object, present) ? { operation: 'none' } : { operation: 'update', object };
}

/** Labels and annotations that are missing; those that are there stay as they are. */
function withMetadata(object: UnknownObject, { metadata }: Manifest): UnknownObject {
  const merged = (name: 'labels' | 'annotations') => {
    const all = { ...metadata[name], ...object.metadata[name] };
    return Object.keys(all).length === 0 ? {} : { [name]: all };
  };
  return { ...object, metadata: { ...object.metadata, ...merged('labels'), ...merged('annotations') } };
}

function withRules(present: UnknownObject, wanted: Manifest): UnknownObject {
  const held = (present['rules'] ?? []) as readonly PolicyRule[];
  const missing = missingRules(held, (wanted['rules'] ?? []) as readonly PolicyRule[]);
  const selectors = (of: unknown) =>
    (of as { clusterRoleSelectors?: readonly object[] } | undefined)?.clusterRoleSelectors ?? [];
  const own = selectors(present['aggregationRule']);
  const others = selectors(wanted['aggregationRule']).filter((one) => !own.some((other) => jsonEqual(other, one)));
  return {
    ...present,
    ...(missing.length > 0 && { rules: [...held, ...missing] }),
    ...(others.length > 0 && { aggregationRule: { clusterRoleSelectors: [...own, ...others] } }),
  };
}

interface Subject {
  readonly kind?: string;
  readonly apiGroup?: string;
  readonly name?: string;
  readonly namespace?: string;
}

function withSubjects(present: UnknownObject, wanted: Manifest): UnknownObject {
  const held = (present['subjects'] ?? []) as readonly Subject[];
  const missing = ((wanted['subjects'] ?? []) as readonly Subject[]).filter(
    (subject) => !held.some((other) => subjectId(other) === subjectId(subject)),
  );
  return missing.length === 0 ? present : { ...present, subjects: [...held, ...missing] };
}

function subjectId({ kind = '', apiGroup, name = '', namespace = '' }: Subject): string {
  const group = apiGroup ?? (kind === 'ServiceAccount' ? '' : RBAC_GROUP);
  return JSON.stringify([kind, group, name, namespace]);
}
