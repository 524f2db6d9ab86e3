/** rbac.authorization.k8s.io/v1 ClusterRoleBinding, as the API server sees it. Source: kubernetes pkg/registry/rbac/clusterrolebinding. */
import type { ClusterRoleBinding } from '@kapella/api/types/rbac-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { subjectColumns, withBindingDefaults } from '../rbac.bindings.ts';
import { validateClusterRoleBinding, validateBindingUpdate } from '../rbac.validate.ts';

export const clusterRoleBindingResource = defineResource<ClusterRoleBinding>({
  id: {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    kind: 'ClusterRoleBinding',
    plural: 'clusterrolebindings',
    singular: 'clusterrolebinding',
  },
  scope: 'cluster',
  columns: [
    nameColumn(),
    { name: 'Role', value: ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}` },
    ageColumn(),
    ...subjectColumns<ClusterRoleBinding>(),
  ],
  withDefaults: withBindingDefaults,
  validate: validateClusterRoleBinding,
  validateUpdate(next, old, errors) {
    validateClusterRoleBinding(next, errors);
    validateBindingUpdate(next, old, errors);
  },
  nameRule: 'path-segment',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
});
