/** rbac.authorization.k8s.io/v1 RoleBinding, as the API server sees it. Source: kubernetes pkg/registry/rbac/rolebinding. */
import type { RoleBinding } from '@kapella/api/types/rbac-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { subjectColumns, withBindingDefaults } from '../rbac.bindings.ts';
import { validateRoleBinding, validateBindingUpdate } from '../rbac.validate.ts';

export const roleBindingResource = defineResource<RoleBinding>({
  id: {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    kind: 'RoleBinding',
    plural: 'rolebindings',
    singular: 'rolebinding',
  },
  scope: 'namespaced',
  columns: [
    nameColumn(),
    { name: 'Role', value: ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}` },
    ageColumn(),
    ...subjectColumns<RoleBinding>(),
  ],
  withDefaults: withBindingDefaults,
  validate: validateRoleBinding,
  validateUpdate(next, old, errors) {
    validateRoleBinding(next, errors);
    validateBindingUpdate(next, old, errors);
  },
  nameRule: 'path-segment',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
});
