/** v1 ResourceQuota, as the API server sees it. Source: kubernetes pkg/registry/core/resourcequota. */
import type { ResourceQuota } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { roundResources } from '../../support/resource-list.ts';
import {
  validateResourceQuota,
  validateResourceQuotaStatus,
  validateResourceQuotaUpdate,
} from './resourcequota.validate.ts';

export const resourceQuotaResource = defineResource<ResourceQuota>({
  id: { group: '', version: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', singular: 'resourcequota' },
  names: { short: ['quota'] },
  scope: 'namespaced',
  clearedOnCreate: ['status'],
  subresources: { status: { writes: ['status'], validateUpdate: validateResourceQuotaStatus } },
  columns: [
    nameColumn(),
    { name: 'Request', value: (quota) => usedOf(quota, false) },
    { name: 'Limit', value: (quota) => usedOf(quota, true) },
    ageColumn(),
  ],
  withDefaults: (quota) => ({
    ...quota,
    spec: { ...quota.spec, ...(quota.spec?.hard && { hard: roundResources(quota.spec.hard) }) },
    ...(quota.status && {
      status: {
        ...quota.status,
        ...(quota.status.hard && { hard: roundResources(quota.status.hard) }),
        ...(quota.status.used && { used: roundResources(quota.status.used) }),
      },
    }),
  }),
  validate: validateResourceQuota,
  validateUpdate: validateResourceQuotaUpdate,
  allowUnconditionalUpdate: true,
});

function usedOf({ status }: ResourceQuota, limits: boolean): string {
  return Object.entries(status?.hard ?? {})
    .filter(([name]) => name.startsWith('limits.') === limits)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? '0'}/${hard}`)
    .join(', ');
}
