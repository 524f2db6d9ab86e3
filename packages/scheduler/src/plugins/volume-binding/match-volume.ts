/** Volumes for claims on a node. Source: component-helpers/storage/volume/pv_helpers.go FindMatchingVolume. */
import { compileLabelSelector, quantityValue } from '@kapella/api';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { CSIStorageCapacity, StorageClass } from '@kapella/api/types/storage-v1';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';
import { matchesSelector } from '../../framework/node-selector.ts';
import { NO_PROVISIONER, storageClassOf, volumeClassOf } from './claims.ts';

/** The smallest free volume that answers the claim and that the node can reach; before all one that is meant for it. */
export function matchVolume(
  claim: PersistentVolumeClaim,
  node: Node,
  volumes: readonly PersistentVolume[],
  isTaken: (volume: PersistentVolume) => boolean,
): PersistentVolume | undefined {
  const size = quantityValue(claim.spec.resources?.requests?.storage ?? '0');
  const sizeOf = (volume: PersistentVolume) => quantityValue(volume.spec.capacity?.storage ?? '0');
  const selector = claim.spec.selector === undefined ? undefined : compileLabelSelector(claim.spec.selector);
  const fitting = volumes.filter(
    (volume) => !isTaken(volume) && answers(volume, claim) && reaches(volume, node) && sizeOf(volume) >= size,
  );
  const meant = fitting.find((volume) => isMeantFor(volume, claim));
  if (meant !== undefined) return meant;
  return fitting
    .filter(({ status, spec }) => status?.phase === 'Available' && spec.claimRef === undefined)
    .filter(({ metadata }) => selector?.matches(metadata.labels) ?? true)
    .reduce<PersistentVolume | undefined>(
      (best, volume) => (best === undefined || sizeOf(volume) < sizeOf(best) ? volume : best),
      undefined,
    );
}

function answers(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (volume.metadata.deletionTimestamp !== undefined) return false;
  if ((volume.spec.volumeMode ?? 'Filesystem') !== (claim.spec.volumeMode ?? 'Filesystem')) return false;
  if (volumeClassOf(volume) !== storageClassOf(claim)) return false;
  if ((volume.spec.volumeAttributesClassName ?? '') !== (claim.spec.volumeAttributesClassName ?? '')) return false;
  return (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode) === true);
}

export function reaches(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec.nodeAffinity?.required;
  return required === undefined || matchesSelector(required, node);
}

function isMeantFor({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  if (claimRef === undefined || claimRef.name !== metadata.name || claimRef.namespace !== metadata.namespace)
    return false;
  return (claimRef.uid ?? '') === '' || claimRef.uid === metadata.uid;
}

/** Whether the class's driver can make a volume for the claim that the node can reach. */
export function canProvision(
  claim: PersistentVolumeClaim,
  node: Node,
  lookup: ClusterLookup,
): 'yes' | 'no' | 'no space' {
  const storageClass = lookup.get('StorageClass', storageClassOf(claim));
  const { provisioner = '', allowedTopologies = [] } = storageClass ?? {};
  if (storageClass === undefined || provisioner === '' || provisioner === NO_PROVISIONER) return 'no';
  const labels = node.metadata.labels ?? {};
  const fitsTerm = ({ matchLabelExpressions = [] }: (typeof allowedTopologies)[number]) =>
    matchLabelExpressions.length > 0 &&
    matchLabelExpressions.every(
      ({ key, values }) => Object.hasOwn(labels, key) && values.includes(labels[key] as string),
    );
  if (allowedTopologies.length > 0 && !allowedTopologies.some(fitsTerm)) return 'no';
  return hasSpace(claim, storageClass, node, lookup) ? 'yes' : 'no space';
}

/** Only of drivers that publish their capacity. */
function hasSpace(
  claim: PersistentVolumeClaim,
  { metadata, provisioner }: StorageClass,
  node: Node,
  lookup: ClusterLookup,
) {
  const wanted = claim.spec.resources?.requests?.storage;
  if (wanted === undefined || lookup.get('CSIDriver', provisioner)?.spec.storageCapacity !== true) return true;
  const size = quantityValue(wanted);
  return lookup
    .list('CSIStorageCapacity')
    .some(
      (capacity) =>
        capacity.storageClassName === metadata.name && isEnough(capacity, size) && isReachable(capacity, node),
    );
}

function isEnough({ capacity, maximumVolumeSize }: CSIStorageCapacity, size: number): boolean {
  const limit = maximumVolumeSize ?? capacity;
  return limit !== undefined && quantityValue(limit) >= size;
}

function isReachable({ nodeTopology }: CSIStorageCapacity, node: Node): boolean {
  return nodeTopology !== undefined && compileLabelSelector(nodeTopology).matches(node.metadata.labels);
}
