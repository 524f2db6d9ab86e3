/** storage.k8s.io/v1 CSIStorageCapacity, as the API server sees it. Source: kubernetes pkg/registry/storage/csistoragecapacity. */
import type { CSIStorageCapacity } from '@kapella/api/types/storage-v1';
import { defineResource } from '@kapella/apiserver';
import { createdAtColumn, nameColumn } from '../../support/columns.ts';
import { validateCsiStorageCapacity, validateCsiStorageCapacityUpdate } from '../storage.validate.ts';

export const csiStorageCapacityResource = defineResource<CSIStorageCapacity>({
  id: {
    group: 'storage.k8s.io',
    version: 'v1',
    kind: 'CSIStorageCapacity',
    plural: 'csistoragecapacities',
    singular: 'csistoragecapacity',
  },
  scope: 'namespaced',
  allowUnconditionalUpdate: false,
  columns: [nameColumn(), createdAtColumn()],
  validate: validateCsiStorageCapacity,
  validateUpdate: validateCsiStorageCapacityUpdate,
});
