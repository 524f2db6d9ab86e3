/** rbac.authorization.k8s.io/v1 Role, as the API server sees it. Source: kubernetes pkg/registry/rbac/role. */
import type { Role } from '@kapella/api/types/rbac-v1';
import { defineResource } from '@kapella/apiserver';
import { createdAtColumn, nameColumn } from '../../support/columns.ts';
import { validateRole } from '../rbac.validate.ts';

export const roleResource = defineResource<Role>({
  id: { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role', plural: 'roles', singular: 'role' },
  scope: 'namespaced',
  columns: [nameColumn(), createdAtColumn()],
  validate: validateRole,
  validateUpdate: (next, _old, errors) => validateRole(next, errors),
  nameRule: 'path-segment',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
});
