/** Rules for roles and bindings. Source: kubernetes pkg/apis/rbac/validation/validation.go. */
import { nameIsDnsSubdomain, nameIsPathSegment, validateLabelSelector } from '@kapella/api';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '@kapella/api/types/rbac-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { addInvalid } from '../support/validation/basic.ts';
import { isUsableSelector } from '../support/validation/workload.ts';

const GROUP = 'rbac.authorization.k8s.io';

export function validateRole(role: Role, errors: FieldErrors): void {
  for (const [i, rule] of (role.rules ?? []).entries()) checkRule(rule, true, errors, `rules[${i}]`);
}

export function validateClusterRole(role: ClusterRole, errors: FieldErrors): void {
  for (const [i, rule] of (role.rules ?? []).entries()) checkRule(rule, false, errors, `rules[${i}]`);
  if (role.aggregationRule === undefined) return;
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) {
    errors.required(
      'aggregationRule.clusterRoleSelectors',
      'at least one clusterRoleSelector required if aggregationRule is non-nil',
    );
  }
  for (const [i, selector] of selectors.entries()) {
    const field = `aggregationRule.clusterRoleSelectors[${i}]`;
    validateLabelSelector(selector, errors, field);
    if (!isUsableSelector(selector)) errors.invalid(field, null, 'invalid label selector.');
  }
}

function checkRule(rule: PolicyRule, namespaced: boolean, errors: FieldErrors, field: string): void {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (verbs.length === 0) errors.required(`${field}.verbs`, 'verbs must contain at least one value');
  if (nonResourceURLs.length > 0) {
    if (namespaced) {
      errors.invalid(`${field}.nonResourceURLs`, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
    }
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      const why = 'rules cannot apply to both regular resources and non-resource URLs';
      errors.invalid(`${field}.nonResourceURLs`, nonResourceURLs, why);
    }
    return;
  }
  if (apiGroups.length === 0) {
    errors.required(`${field}.apiGroups`, 'resource rules must supply at least one api group');
  }
  if (resources.length === 0) {
    errors.required(`${field}.resources`, 'resource rules must supply at least one resource');
  }
}

export function validateRoleBinding(binding: RoleBinding, errors: FieldErrors): void {
  checkBinding(binding, true, errors);
}

export function validateClusterRoleBinding(binding: ClusterRoleBinding, errors: FieldErrors): void {
  checkBinding(binding, false, errors);
}

export function validateBindingUpdate<T extends { readonly roleRef: RoleRef }>(
  next: T,
  old: T,
  errors: FieldErrors,
): void {
  if (!jsonEqual(next.roleRef, old.roleRef))
    errors.invalid('roleRef', goRoleRef(next.roleRef), 'cannot change roleRef');
}

/** As upstream prints the internal type: Go's names. */
const goRoleRef = ({ apiGroup = '', kind, name }: RoleRef) => ({ APIGroup: apiGroup, Kind: kind, Name: name });

function checkBinding(binding: RoleBinding | ClusterRoleBinding, namespaced: boolean, errors: FieldErrors): void {
  const { roleRef, subjects = [] } = binding;
  if (roleRef.apiGroup !== GROUP) errors.notSupported('roleRef.apiGroup', roleRef.apiGroup ?? '', [GROUP]);
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(roleRef.kind)) errors.notSupported('roleRef.kind', roleRef.kind ?? '', kinds);
  if (!roleRef.name) errors.required('roleRef.name');
  else addInvalid(errors, 'roleRef.name', roleRef.name, nameIsPathSegment(roleRef.name, false));
  for (const [i, subject] of subjects.entries()) checkSubject(subject, namespaced, errors, `subjects[${i}]`);
}

function checkSubject(subject: Subject, namespaced: boolean, errors: FieldErrors, field: string): void {
  const { kind, name, namespace = '', apiGroup = '' } = subject;
  if (!name) errors.required(`${field}.name`);
  switch (kind) {
    case 'ServiceAccount':
      if (name) addInvalid(errors, `${field}.name`, name, nameIsDnsSubdomain(name, false));
      if (apiGroup !== '') errors.notSupported(`${field}.apiGroup`, apiGroup, ['']);
      if (!namespaced && namespace === '') errors.required(`${field}.namespace`);
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== GROUP) errors.notSupported(`${field}.apiGroup`, apiGroup, [GROUP]);
      break;
    default:
      errors.notSupported(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group']);
  }
}
