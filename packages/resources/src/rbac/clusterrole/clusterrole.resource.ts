/** rbac.authorization.k8s.io/v1 ClusterRole, as the API server sees it. Source: kubernetes pkg/registry/rbac/clusterrole. */
import type { ClusterRole } from '@kapella/api/types/rbac-v1';
import { defineResource } from '@kapella/apiserver';
import { createdAtColumn, nameColumn } from '../../support/columns.ts';
import { validateClusterRole } from '../rbac.validate.ts';

export const clusterRoleResource = defineResource<ClusterRole>({
  id: {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    kind: 'ClusterRole',
    plural: 'clusterroles',
    singular: 'clusterrole',
  },
  scope: 'cluster',
  columns: [nameColumn(), createdAtColumn()],
  validate: validateClusterRole,
  validateUpdate: (next, _old, errors) => validateClusterRole(next, errors),
  nameRule: 'path-segment',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
});
