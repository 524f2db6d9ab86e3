/** apiregistration.k8s.io/v1 APIService, as the API server sees it. Source: kube-aggregator pkg/registry/apiservice. */
import type { APIService } from '@kapella/api/types/apiregistration-v1';
import { defineResource } from '@kapella/apiserver';
import { formatTime } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateApiService, validateApiServiceStatus } from './apiservice.validate.ts';

export const apiServiceResource = defineResource<APIService>({
  id: {
    group: 'apiregistration.k8s.io',
    version: 'v1',
    kind: 'APIService',
    plural: 'apiservices',
    singular: 'apiservice',
  },
  names: { categories: ['api-extensions'] },
  scope: 'cluster',
  nameRule: 'path-segment', // `v1.` for the core group
  clearedOnCreate: ['status'],
  subresources: { status: { writes: ['status'], validateUpdate: validateApiServiceStatus } },
  columns: [
    nameColumn(),
    {
      name: 'Service',
      value: ({ spec }) => (spec?.service === undefined ? 'Local' : `${spec.service.namespace}/${spec.service.name}`),
    },
    { name: 'Available', value: availableText },
    ageColumn(),
  ],
  withDefaults(item) {
    const { service } = item.spec ?? {};
    if (service === undefined) return item;
    return { ...item, spec: { ...item.spec, service: { ...service, port: service.port ?? 443 } } };
  },
  validate: validateApiService,
  validateUpdate: (next, _old, errors) => validateApiService(next, errors),
  prepareForCreate: (item, { nowMs }) => (item.spec?.service === undefined ? withLocal(item, nowMs) : item),
  allowUnconditionalUpdate: false,
});

/** What the server serves itself is there from the beginning. */
function withLocal(item: APIService, nowMs: number): APIService {
  const condition = {
    type: 'Available',
    status: 'True',
    lastTransitionTime: formatTime(nowMs),
    reason: 'Local',
    message: 'Local APIServices are always available',
  };
  return { ...item, status: { conditions: [condition] } } as APIService;
}

function availableText({ status }: APIService): string {
  const condition = status?.conditions?.find((item) => item.type === 'Available');
  if (condition === undefined) return 'Unknown';
  return condition.status !== 'True' && condition.reason
    ? `${condition.status} (${condition.reason})`
    : condition.status;
}
