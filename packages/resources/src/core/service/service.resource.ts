/** v1 Service, as the API server sees it. Source: kubernetes pkg/registry/core/service. */
import type { Service } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { allocateService } from './service.allocate.ts';
import { serviceColumns } from './service.columns.ts';
import { serviceConnects } from './service.connects.ts';
import { prepareServiceForCreate, prepareServiceForUpdate, withServiceDefaults } from './service.prepare.ts';
import { validateService, validateServiceUpdate } from './service.validate.ts';

export const serviceResource = defineResource<Service>({
  id: { group: '', version: 'v1', kind: 'Service', plural: 'services', singular: 'service' },
  names: { short: ['svc'], categories: ['all'] },
  scope: 'namespaced',
  allowCreateOnUpdate: true,
  subresources: { status: { writes: ['status'] }, connects: serviceConnects },
  selectableFields: {
    'spec.clusterIP': (service) => service.spec.clusterIP ?? '',
    'spec.type': (service) => service.spec.type ?? '',
  },
  columns: serviceColumns,
  withDefaults: withServiceDefaults,
  prepareForCreate: prepareServiceForCreate,
  prepareForUpdate: prepareServiceForUpdate,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  nameRule: 'dns-label',
  allowUnconditionalUpdate: true,
  allocate: allocateService,
});
