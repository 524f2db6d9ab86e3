/** storage.k8s.io/v1 StorageClass, as the API server sees it. Source: kubernetes pkg/registry/storage/storageclass. */
import type { StorageClass } from '@kapella/api/types/storage-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn } from '../../support/columns.ts';
import { validateStorageClass, validateStorageClassUpdate } from './storageclass.validate.ts';

export const storageClassResource = defineResource<StorageClass>({
  id: {
    group: 'storage.k8s.io',
    version: 'v1',
    kind: 'StorageClass',
    plural: 'storageclasses',
    singular: 'storageclass',
  },
  names: { short: ['sc'] },
  scope: 'cluster',
  columns: [
    { name: 'Name', format: 'name', value: nameText },
    { name: 'Provisioner', value: (item) => item.provisioner ?? '' },
    { name: 'ReclaimPolicy', value: (item) => item.reclaimPolicy ?? 'Delete' },
    { name: 'VolumeBindingMode', value: (item) => item.volumeBindingMode ?? 'Immediate' },
    { name: 'AllowVolumeExpansion', value: (item) => item.allowVolumeExpansion ?? false },
    ageColumn(),
  ],
  withDefaults: (item) => ({
    ...item,
    reclaimPolicy: item.reclaimPolicy ?? 'Delete',
    volumeBindingMode: item.volumeBindingMode ?? 'Immediate',
  }),
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
  allowUnconditionalUpdate: true,
});

const DEFAULT_ANNOTATIONS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

function nameText({ metadata }: StorageClass): string {
  const isDefault = DEFAULT_ANNOTATIONS.some((key) => metadata.annotations?.[key] === 'true');
  return isDefault ? `${metadata.name} (default)` : metadata.name;
}
