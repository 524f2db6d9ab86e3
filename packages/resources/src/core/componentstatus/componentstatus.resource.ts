/** v1 ComponentStatus: deprecated, computed, never written. Source: kubernetes pkg/registry/core/componentstatus. */
import type { ComponentStatus } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import { nameColumn } from '../../support/columns.ts';
import type { ComponentHealth } from './component-health.ts';

const healthy = ({ conditions = [] }: ComponentStatus) => conditions.find((condition) => condition.type === 'Healthy');

async function statusOf(name: string, health: ComponentHealth, ctx: Ctx): Promise<ComponentStatus> {
  const verdict = await health.check(name, ctx);
  const metadata = { name } as ComponentStatus['metadata'];
  return { kind: 'ComponentStatus', apiVersion: 'v1', metadata, conditions: [{ type: 'Healthy', ...verdict }] };
}

export const componentStatusResource = defineResource<ComponentStatus>({
  id: { group: '', version: 'v1', kind: 'ComponentStatus', plural: 'componentstatuses', singular: 'componentstatus' },
  names: { short: ['cs'] },
  scope: 'cluster',
  verbs: ['get', 'list'],
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  computed: {
    get: async (name, server, ctx) => {
      const health = server.service<ComponentHealth>('componentHealth');
      return health.names.includes(name) ? statusOf(name, health, ctx) : undefined;
    },
    list: (server, ctx) => {
      const health = server.service<ComponentHealth>('componentHealth');
      return Promise.all(health.names.map((name) => statusOf(name, health, ctx)));
    },
  },
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
