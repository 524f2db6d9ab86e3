/** v1 PersistentVolume, as the API server sees it. Source: kubernetes pkg/registry/core/persistentvolume. */
import type { PersistentVolume, PersistentVolumeSpec } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { formatTime } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { roundResources } from '../../support/resource-list.ts';
import { accessModesText, storageClassOf } from '../../support/storage-text.ts';
import { validatePersistentVolume, validatePersistentVolumeUpdate } from './persistentvolume.validate.ts';

export const persistentVolumeResource = defineResource<PersistentVolume>({
  id: { group: '', version: 'v1', kind: 'PersistentVolume', plural: 'persistentvolumes', singular: 'persistentvolume' },
  names: { short: ['pv'] },
  scope: 'cluster',
  subresources: { status: { writes: ['status'] } },
  selectableFields: { name: (volume) => volume.metadata.name },
  columns: [
    nameColumn(),
    { name: 'Capacity', value: (volume) => volume.spec.capacity?.storage ?? '0' },
    { name: 'Access Modes', value: (volume) => accessModesText(volume.spec.accessModes) },
    { name: 'Reclaim Policy', value: (volume) => volume.spec.persistentVolumeReclaimPolicy ?? '' },
    {
      name: 'Status',
      value: ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    },
    { name: 'Claim', value: ({ spec: { claimRef: ref } }) => (ref ? `${ref.namespace ?? ''}/${ref.name ?? ''}` : '') },
    { name: 'StorageClass', value: storageClassOf },
    { name: 'VolumeAttributesClass', value: (volume) => volume.spec.volumeAttributesClassName ?? '<unset>' },
    { name: 'Reason', value: (volume) => volume.status?.reason ?? '' },
    ageColumn(),
    { name: 'VolumeMode', wide: true, value: (volume) => volume.spec.volumeMode ?? '<unset>' },
  ],
  withDefaults: (volume) => ({
    ...volume,
    spec: withSpecDefaults(volume.spec ?? {}),
    status: { ...volume.status, phase: volume.status?.phase || 'Pending' },
  }),
  prepareForCreate: (volume, { nowMs }) => ({
    ...volume,
    status: { phase: 'Pending', lastPhaseTransitionTime: formatTime(nowMs) },
  }),
  validate: validatePersistentVolume,
  validateUpdate: validatePersistentVolumeUpdate,
  allowUnconditionalUpdate: true,
});

function withSpecDefaults(spec: PersistentVolumeSpec): PersistentVolumeSpec {
  const { capacity, hostPath } = spec;
  return {
    ...spec,
    ...(capacity && { capacity: roundResources(capacity) }),
    ...(hostPath && { hostPath: { ...hostPath, type: hostPath.type ?? '' } }),
    ...networkDefaults(spec),
    persistentVolumeReclaimPolicy: spec.persistentVolumeReclaimPolicy || 'Retain',
    volumeMode: spec.volumeMode ?? 'Filesystem',
  };
}

function networkDefaults({ iscsi, rbd, azureDisk, scaleIO }: PersistentVolumeSpec): Partial<PersistentVolumeSpec> {
  return {
    ...(iscsi && { iscsi: { ...iscsi, iscsiInterface: iscsi.iscsiInterface || 'default' } }),
    ...(rbd && {
      rbd: {
        ...rbd,
        pool: rbd.pool || 'rbd',
        user: rbd.user || 'admin',
        keyring: rbd.keyring || '/etc/ceph/keyring',
      },
    }),
    ...(azureDisk && {
      azureDisk: {
        ...azureDisk,
        cachingMode: azureDisk.cachingMode ?? 'ReadWrite',
        fsType: azureDisk.fsType ?? 'ext4',
        readOnly: azureDisk.readOnly ?? false,
        kind: azureDisk.kind ?? 'Shared',
      },
    }),
    ...(scaleIO && {
      scaleIO: { ...scaleIO, storageMode: scaleIO.storageMode || 'ThinProvisioned', fsType: scaleIO.fsType || 'xfs' },
    }),
  };
}
