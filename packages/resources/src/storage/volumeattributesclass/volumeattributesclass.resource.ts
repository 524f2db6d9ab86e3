/** storage.k8s.io/v1 VolumeAttributesClass, as the API server sees it. Source: kubernetes pkg/registry/storage/volumeattributesclass. */
import type { VolumeAttributesClass } from '@kapella/api/types/storage-v1';
import { defineResource } from '@kapella/apiserver';
import { jsonEqual } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateVolumeAttributesClass } from '../storage.validate.ts';

export const volumeAttributesClassResource = defineResource<VolumeAttributesClass>({
  id: {
    group: 'storage.k8s.io',
    version: 'v1',
    kind: 'VolumeAttributesClass',
    plural: 'volumeattributesclasses',
    singular: 'volumeattributesclass',
  },
  names: { short: ['vac'] },
  scope: 'cluster',
  columns: [nameColumn(), { name: 'DriverName', value: (item) => item.driverName ?? '' }, ageColumn()],
  validate: validateVolumeAttributesClass,
  validateUpdate(next, old, errors) {
    for (const field of ['driverName', 'parameters'] as const) {
      if (!jsonEqual(next[field], old[field])) errors.forbidden(field, `updates to ${field} are forbidden.`);
    }
  },
  allowUnconditionalUpdate: true,
});
