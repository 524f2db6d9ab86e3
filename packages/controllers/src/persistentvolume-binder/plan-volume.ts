/** What to do with a volume. Pure. Source: kubernetes pkg/controller/volume/persistentvolume/pv_controller.go, syncVolume. */
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { BOUND_BY_CONTROLLER } from './plan-claim.ts';

const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';

export type VolumePlan =
  | { readonly action: 'none' }
  | { readonly action: 'phase'; readonly phase: 'Available' | 'Bound' | 'Released' }
  /** Nobody here can delete it. */
  | { readonly action: 'fail'; readonly message: string }
  /** The claim took another volume: let go of it. */
  | { readonly action: 'unbind'; readonly next: PersistentVolume };

/** `claim`: that of the volume's claimRef, if it is still the same one. */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const ref = volume.spec.claimRef;
  const phase = (wanted: 'Available' | 'Bound' | 'Released'): VolumePlan =>
    volume.status?.phase === wanted ? { action: 'none' } : { action: 'phase', phase: wanted };
  if (ref === undefined || ref.uid === undefined || ref.uid === '') return phase('Available');
  if (claim === undefined || claim.metadata.uid !== ref.uid) return planReleased(volume);
  if (claim.spec.volumeName === volume.metadata.name) return phase('Bound');
  if (!claim.spec.volumeName) return { action: 'none' }; // the claim's own turn will bind it
  if (volume.metadata.annotations?.[PROVISIONED_BY] !== undefined) return planReleased(volume);
  return { action: 'unbind', next: unbound(volume) };
}

function planReleased(volume: PersistentVolume): VolumePlan {
  const phase = volume.status?.phase;
  if (phase === 'Failed') return { action: 'none' };
  if (phase !== 'Released') return { action: 'phase', phase: 'Released' };
  if (volume.spec.persistentVolumeReclaimPolicy !== 'Delete') return { action: 'none' };
  const provisioner = volume.metadata.annotations?.[PROVISIONED_BY];
  // Its provisioner deletes it on seeing it Released.
  if (provisioner !== undefined && !provisioner.startsWith('kubernetes.io/')) return { action: 'none' };
  if (volume.metadata.deletionTimestamp !== undefined) return { action: 'none' };
  return {
    action: 'fail',
    message: 'error getting deleter volume plugin for volume: no deletable volume plugin matched',
  };
}

/** A volume that a user reserved stays reserved; one that we took becomes free. */
function unbound(volume: PersistentVolume): PersistentVolume {
  const { [BOUND_BY_CONTROLLER]: byUs, ...annotations } = volume.metadata.annotations ?? {};
  const { claimRef, ...spec } = volume.spec;
  const { uid: _, resourceVersion: __, ...reserved } = claimRef ?? {};
  const metadata = { ...volume.metadata, annotations };
  return { ...volume, metadata, spec: byUs === undefined ? { ...spec, claimRef: reserved } : spec };
}
