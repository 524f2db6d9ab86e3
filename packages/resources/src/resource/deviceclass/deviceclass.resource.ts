/** resource.k8s.io/v1 DeviceClass, as the API server sees it. Source: kubernetes pkg/registry/resource/deviceclass. */
import type { DeviceClass } from '@kapella/api/types/resource-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';

export const deviceClassResource = defineResource<DeviceClass>({
  id: {
    group: 'resource.k8s.io',
    version: 'v1',
    kind: 'DeviceClass',
    plural: 'deviceclasses',
    singular: 'deviceclass',
  },
  scope: 'cluster',
  generationBumpsOn: ['spec'],
  columns: [nameColumn(), ageColumn()],
  allowUnconditionalUpdate: true,
});
