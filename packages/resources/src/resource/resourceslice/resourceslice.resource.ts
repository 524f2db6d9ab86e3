/** resource.k8s.io/v1 ResourceSlice, as the API server sees it. Source: kubernetes pkg/registry/resource/resourceslice. */
import type { ResourceSlice } from '@kapella/api/types/resource-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';

export const resourceSliceResource = defineResource<ResourceSlice>({
  id: {
    group: 'resource.k8s.io',
    version: 'v1',
    kind: 'ResourceSlice',
    plural: 'resourceslices',
    singular: 'resourceslice',
  },
  scope: 'cluster',
  generationBumpsOn: ['spec'],
  columns: [
    nameColumn(),
    { name: 'Node', value: ({ spec }) => spec?.nodeName ?? '' },
    { name: 'Driver', value: ({ spec }) => spec?.driver ?? '' },
    { name: 'Pool', value: ({ spec }) => spec?.pool?.name ?? '' },
    ageColumn(),
  ],
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.driver': ({ spec }) => spec?.driver ?? '',
  },
  allowUnconditionalUpdate: true,
});
