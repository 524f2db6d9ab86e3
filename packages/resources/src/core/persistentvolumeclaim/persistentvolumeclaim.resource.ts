/** v1 PersistentVolumeClaim, as the API server sees it. Source: kubernetes pkg/registry/core/persistentvolumeclaim. */
import type { PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { withClaimSpecDefaults, withDataSources } from '../../support/claim.ts';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { accessModesText, storageClassOf } from '../../support/storage-text.ts';
import { validateClaim, validateClaimStatusUpdate, validateClaimUpdate } from './persistentvolumeclaim.validate.ts';

export const persistentVolumeClaimResource = defineResource<PersistentVolumeClaim>({
  id: {
    group: '',
    version: 'v1',
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    singular: 'persistentvolumeclaim',
  },
  names: { short: ['pvc'] },
  scope: 'namespaced',
  subresources: { status: { writes: ['status'], validateUpdate: validateClaimStatusUpdate } },
  selectableFields: { name: (claim) => claim.metadata.name },
  columns: [
    nameColumn(),
    {
      name: 'Status',
      value: ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    },
    { name: 'Volume', value: (claim) => claim.spec.volumeName ?? '' },
    { name: 'Capacity', value: ({ spec, status }) => (spec.volumeName ? (status?.capacity?.storage ?? '0') : '') },
    {
      name: 'Access Modes',
      value: ({ spec, status }) => (spec.volumeName ? accessModesText(status?.accessModes) : ''),
    },
    { name: 'StorageClass', value: storageClassOf },
    { name: 'VolumeAttributesClass', value: (claim) => claim.spec.volumeAttributesClassName ?? '<unset>' },
    ageColumn(),
    { name: 'VolumeMode', wide: true, value: (claim) => claim.spec.volumeMode ?? '<unset>' },
  ],
  withDefaults: (claim) => ({
    ...claim,
    spec: withClaimSpecDefaults(claim.spec ?? {}),
    status: { ...claim.status, phase: claim.status?.phase || 'Pending' },
  }),
  prepareForCreate: (claim) => ({ ...claim, spec: withDataSources(claim.spec), status: { phase: 'Pending' } }),
  prepareForUpdate(next, old) {
    const hasSource = old.spec.dataSource !== undefined || old.spec.dataSourceRef !== undefined;
    return { ...next, spec: withDataSources(next.spec, hasSource), status: old.status };
  },
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  allowUnconditionalUpdate: true,
});
