/** Which claims one node serves and which volumes it removes. Pure. Source: kubernetes-csi/external-provisioner, its contract. */
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import type { ProvisionerBackend } from './backend.ts';

const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';

export interface ProvisionPlan {
  readonly provision: readonly { readonly claim: PersistentVolumeClaim; readonly storageClass: StorageClass }[];
  readonly refuse: readonly { readonly claim: PersistentVolumeClaim; readonly message: string }[];
  readonly remove: readonly PersistentVolume[];
}

export interface ProvisionState {
  readonly nodeName: string;
  readonly claims: readonly PersistentVolumeClaim[];
  readonly volumes: readonly PersistentVolume[];
  readonly classes: readonly StorageClass[];
}

export const volumeNameOf = ({ metadata }: PersistentVolumeClaim): string => `pvc-${metadata.uid}`;

export function planProvision(
  state: ProvisionState,
  backend: Pick<ProvisionerBackend, 'name' | 'refusal' | 'owns'>,
): ProvisionPlan {
  const served = state.classes.filter(({ provisioner }) => provisioner === backend.name);
  const classes = new Map(served.map((one) => [one.metadata.name, one]));
  const names = new Set(state.volumes.map(({ metadata }) => metadata.name));
  const provision: ProvisionPlan['provision'][number][] = [];
  const refuse: ProvisionPlan['refuse'][number][] = [];
  for (const claim of state.claims) {
    const storageClass = classes.get(claim.spec.storageClassName ?? '');
    if (storageClass === undefined || !isOurs(claim, state.nodeName) || names.has(volumeNameOf(claim))) continue;
    const message = backend.refusal(claim);
    if (message !== undefined) refuse.push({ claim, message });
    else provision.push({ claim, storageClass });
  }
  return { provision, refuse, remove: state.volumes.filter((volume) => isToGo(volume, backend)) };
}

/** Its class waits for the first consumer: the scheduler has chosen this node for it. */
function isOurs({ metadata, spec }: PersistentVolumeClaim, nodeName: string): boolean {
  const isGoing = metadata.deletionTimestamp !== undefined;
  return !isGoing && !spec.volumeName && metadata.annotations?.[SELECTED_NODE] === nodeName;
}

/** Released, and meant to be deleted. */
function isToGo(volume: PersistentVolume, backend: Pick<ProvisionerBackend, 'name' | 'owns'>): boolean {
  const { metadata, spec, status } = volume;
  if (metadata.annotations?.[PROVISIONED_BY] !== backend.name || status?.phase !== 'Released') return false;
  return spec.persistentVolumeReclaimPolicy === 'Delete' && backend.owns(volume);
}
