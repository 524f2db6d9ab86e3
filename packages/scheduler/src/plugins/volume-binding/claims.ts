/** A Pod's claims as the binder sees them. Source: kubernetes …/plugins/volumebinding/binder.go. */
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '@kapella/api/types/core-v1';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
const BOUND_ANNOTATION = 'pv.kubernetes.io/bind-completed';
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

export interface PodClaims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** Binding waits until a node is chosen. */
  readonly delayed: readonly PersistentVolumeClaim[];
  /** The binder binds them by itself, and has not yet. */
  readonly immediate: readonly PersistentVolumeClaim[];
}

/** The claims, or why the Pod cannot have them. */
export function podClaims(pod: Pod, lookup: ClusterLookup): PodClaims | { readonly why: string } {
  const claims = { bound: [], delayed: [], immediate: [] } as { [K in keyof PodClaims]: PersistentVolumeClaim[] };
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) continue;
    const claim = claimOf(volume, pod, lookup);
    if ('why' in claim) return claim;
    if (isBound(claim)) claims.bound.push(claim);
    else if (isDelayed(claim, lookup)) claims.delayed.push(claim);
    else claims.immediate.push(claim);
  }
  return claims;
}

function claimOf({ name, persistentVolumeClaim, ephemeral }: Volume, pod: Pod, lookup: ClusterLookup) {
  const { namespace = '', name: podName, uid } = pod.metadata;
  const claimName = persistentVolumeClaim?.claimName ?? `${podName}-${name}`;
  const claim = lookup.get('PersistentVolumeClaim', `${namespace}/${claimName}`);
  if (claim === undefined) {
    if (ephemeral === undefined) return { why: `persistentvolumeclaim "${claimName}" not found` };
    return { why: `waiting for ephemeral volume controller to create the persistentvolumeclaim "${claimName}"` };
  }
  const why = unusable(claim);
  if (why !== undefined) return { why };
  const isOwned = claim.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid);
  if (ephemeral === undefined || isOwned === true) return claim;
  return { why: `PVC ${namespace}/${claimName} was not created for pod ${namespace}/${podName} (pod is not owner)` };
}

function unusable({ metadata: { name, deletionTimestamp }, spec, status }: PersistentVolumeClaim): string | undefined {
  if (status?.phase === 'Lost') {
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${spec.volumeName}"`;
  }
  return deletionTimestamp === undefined ? undefined : `persistentvolumeclaim "${name}" is being deleted`;
}

export function isBound(claim: PersistentVolumeClaim): boolean {
  return (claim.spec.volumeName ?? '') !== '' && claim.metadata.annotations?.[BOUND_ANNOTATION] !== undefined;
}

/** A claim that names its volume is bound to it by the binder at once. */
function isDelayed(claim: PersistentVolumeClaim, lookup: ClusterLookup): boolean {
  if ((claim.spec.volumeName ?? '') !== '') return false;
  return lookup.get('StorageClass', storageClassOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer';
}

export function storageClassOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName ?? '';
}

export function volumeClassOf({ metadata, spec }: PersistentVolume): string {
  return metadata.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName ?? '';
}
