/** Which volume a claim gets. Pure. Source: kubernetes pkg/volume/persistentvolume/util, …/volume/persistentvolume/index.go. */
import { compileLabelSelector, quantityValue } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';

const CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';

export const classOf = (object: PersistentVolume | PersistentVolumeClaim): string =>
  object.metadata.annotations?.[CLASS_BETA] ?? object.spec.storageClassName ?? '';

/** The volume names the claim; before the claim's uid is known its name is enough. */
export function isBoundTo(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec.claimRef;
  if (ref?.name !== claim.metadata.name || ref.namespace !== claim.metadata.namespace) return false;
  return ref.uid === undefined || ref.uid === '' || ref.uid === claim.metadata.uid;
}

/**
 * The volume that names the claim, else the free one with the fewest modes and, of those, the least size that is good
 * enough. `delayed`: only the former, the choice among the free ones is the scheduler's.
 */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  delayed: boolean,
): PersistentVolume | undefined {
  const fitting = volumes.filter((volume) => isLargeEnough(volume, claim));
  const reserved = fitting.find((volume) => volume.spec.claimRef !== undefined && isBoundTo(volume, claim));
  if (reserved !== undefined || delayed) return reserved;
  const selector = claim.spec.selector === undefined ? undefined : compileLabelSelector(claim.spec.selector);
  return fitting
    .filter((volume) => volume.spec.claimRef === undefined && volume.status?.phase === 'Available')
    .filter((volume) => selector === undefined || selector.matches(volume.metadata.labels))
    .filter((volume) => classOf(volume) === classOf(claim) && hasModes(volume, claim))
    .toSorted((a, b) => modesOf(a).length - modesOf(b).length || capacityOf(a) - capacityOf(b))[0];
}

/** Why the volume that the claim asks for by name will not do. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (volume.metadata.deletionTimestamp !== undefined)
    return `the volume is marked for deletion "${volume.metadata.name}"`;
  if (capacityOf(volume) < wantedBy(claim)) return 'requested PV is too small';
  if (classOf(volume) !== classOf(claim)) return 'storageClassName does not match';
  if ((volume.spec.volumeAttributesClassName ?? '') !== (claim.spec.volumeAttributesClassName ?? '')) {
    return 'volumeAttributesClassName does not match';
  }
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode';
  return hasModes(volume, claim) ? undefined : 'incompatible accessMode';
}

function isLargeEnough(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (volume.metadata.deletionTimestamp !== undefined || modeOf(volume) !== modeOf(claim)) return false;
  if ((volume.spec.volumeAttributesClassName ?? '') !== (claim.spec.volumeAttributesClassName ?? '')) return false;
  return capacityOf(volume) >= wantedBy(claim);
}

const hasModes = (volume: PersistentVolume, claim: PersistentVolumeClaim) =>
  (claim.spec.accessModes ?? []).every((mode) => modesOf(volume).includes(mode));
const modesOf = (volume: PersistentVolume) => volume.spec.accessModes ?? [];
const modeOf = (object: PersistentVolume | PersistentVolumeClaim) => object.spec.volumeMode ?? 'Filesystem';
const capacityOf = (volume: PersistentVolume) => quantityValue(volume.spec.capacity?.['storage'] ?? '0');
const wantedBy = (claim: PersistentVolumeClaim) => quantityValue(claim.spec.resources?.requests?.['storage'] ?? '0');
