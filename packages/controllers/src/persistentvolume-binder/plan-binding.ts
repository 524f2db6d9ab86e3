/** Which volume a claim gets. Pure. Source: kubernetes pkg/volume/persistentvolume/util, pkg/controller/volume/persistentvolume/index.go. */
import { compileLabelSelector, quantityValue } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';

export function isBoundTo(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec.claimRef;
  if (ref?.name !== claim.metadata.name || ref.namespace !== claim.metadata.namespace) return false;
  return ref.uid === undefined || ref.uid === '' || ref.uid === claim.metadata.uid;
}

/** The volume that names the claim, else the smallest free one that is good enough. */
export function findVolume(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[]): PersistentVolume | undefined {
  const reserved = volumes.find((volume) => isBoundTo(volume, claim) && satisfies(volume, claim));
  if (reserved !== undefined) return reserved;
  const selector = claim.spec.selector === undefined ? undefined : compileLabelSelector(claim.spec.selector);
  return volumes
    .filter((volume) => volume.spec.claimRef === undefined && volume.metadata.deletionTimestamp === undefined)
    .filter((volume) => volume.status?.phase !== 'Failed' && satisfies(volume, claim))
    .filter((volume) => (volume.spec.storageClassName ?? '') === (claim.spec.storageClassName ?? ''))
    .filter((volume) => selector === undefined || selector.matches(volume.metadata.labels ?? {}))
    .toSorted((a, b) => capacityOf(a) - capacityOf(b))[0];
}

function satisfies(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const wanted = quantityValue(claim.spec.resources?.requests?.['storage'] ?? '0');
  const modes = volume.spec.accessModes ?? [];
  if ((volume.spec.volumeMode ?? 'Filesystem') !== (claim.spec.volumeMode ?? 'Filesystem')) return false;
  return capacityOf(volume) >= wanted && (claim.spec.accessModes ?? []).every((mode) => modes.includes(mode));
}

const capacityOf = (volume: PersistentVolume) => quantityValue(volume.spec.capacity?.['storage'] ?? '0');

/** What becomes of a volume whose claim is gone. */
export type Reclaim = 'available' | 'release' | 'delete' | undefined;

export function planReclaim(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): Reclaim {
  const ref = volume.spec.claimRef;
  if (ref === undefined) return volume.status?.phase === 'Available' ? undefined : 'available';
  if (ref.uid === undefined || ref.uid === '') return volume.status?.phase === 'Available' ? undefined : 'available';
  if (claim !== undefined && claim.metadata.uid === ref.uid) return undefined;
  if (volume.spec.persistentVolumeReclaimPolicy === 'Delete') return 'delete';
  return volume.status?.phase === 'Released' ? undefined : 'release';
}
