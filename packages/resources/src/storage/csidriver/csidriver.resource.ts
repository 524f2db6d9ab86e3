/** storage.k8s.io/v1 CSIDriver, as the API server sees it. Source: kubernetes pkg/registry/storage/csidriver. */
import type { CSIDriver } from '@kapella/api/types/storage-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateCsiDriver, validateCsiDriverUpdate } from '../storage.validate.ts';

export const csiDriverResource = defineResource<CSIDriver>({
  id: { group: 'storage.k8s.io', version: 'v1', kind: 'CSIDriver', plural: 'csidrivers', singular: 'csidriver' },
  scope: 'cluster',
  allowUnconditionalUpdate: false,
  generationBumpsOn: ['spec'],
  columns: [
    nameColumn(),
    { name: 'AttachRequired', type: 'boolean', value: ({ spec }) => spec.attachRequired ?? true },
    { name: 'PodInfoOnMount', type: 'boolean', value: ({ spec }) => spec.podInfoOnMount ?? false },
    { name: 'StorageCapacity', type: 'boolean', value: ({ spec }) => spec.storageCapacity ?? false },
    {
      name: 'TokenRequests',
      value: ({ spec }) => spec.tokenRequests?.map((request) => request.audience).join(',') ?? '<unset>',
    },
    { name: 'RequiresRepublish', type: 'boolean', value: ({ spec }) => spec.requiresRepublish ?? false },
    { name: 'Modes', value: ({ spec }) => spec.volumeLifecycleModes?.join(',') || '<none>' },
    ageColumn(),
  ],
  withDefaults(driver) {
    const spec = driver.spec ?? {};
    return {
      ...driver,
      spec: {
        ...spec,
        attachRequired: spec.attachRequired ?? true,
        podInfoOnMount: spec.podInfoOnMount ?? false,
        storageCapacity: spec.storageCapacity ?? false,
        fsGroupPolicy: spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType',
        volumeLifecycleModes: spec.volumeLifecycleModes?.length ? spec.volumeLifecycleModes : ['Persistent'],
        requiresRepublish: spec.requiresRepublish ?? false,
        seLinuxMount: spec.seLinuxMount ?? false,
      },
    };
  },
  validate: validateCsiDriver,
  validateUpdate: validateCsiDriverUpdate,
});
