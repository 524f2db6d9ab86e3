/** v1 ComponentStatus: deprecated, computed, never written. Source: kubernetes pkg/registry/core/componentstatus. */
import type { ComponentStatus } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { nameColumn } from '../../support/columns.ts';

const healthy = ({ conditions = [] }: ComponentStatus) => conditions.find((condition) => condition.type === 'Healthy');

export const componentStatusResource = defineResource<ComponentStatus>({
  id: { group: '', version: 'v1', kind: 'ComponentStatus', plural: 'componentstatuses', singular: 'componentstatus' },
  names: { short: ['cs'] },
  scope: 'cluster',
  verbs: ['get', 'list'],
  columns: [
    nameColumn(),
    {
      name: 'Status',
      value(object) {
        const status = healthy(object)?.status;
        if (status === undefined) return 'Unknown';
        return status === 'True' ? 'Healthy' : 'Unhealthy';
      },
    },
    { name: 'Message', value: (object) => healthy(object)?.message ?? '' },
    { name: 'Error', value: (object) => healthy(object)?.error ?? '' },
  ],
});
