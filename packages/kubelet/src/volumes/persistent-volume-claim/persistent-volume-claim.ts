/** A claim's volume: a path of the node, or what a CSI driver publishes. Source: kubernetes pkg/kubelet/volumemanager, pkg/volume/local. */
import { coreV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import { type CsiVolume, csiVolumeOf } from '../../csi/csi-volume.ts';
import { checkHostPath } from '../host-path/host-path.ts';
import { mountNfs } from '../nfs/nfs.ts';
import type { MountedVolume, VolumeDeps, VolumePlugin } from '../volume.ts';
import { mountLocal } from './local.ts';

export const persistentVolumeClaim: VolumePlugin = {
  name: 'persistent-volume-claim',
  supports: (volume) => volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined,
  async mount({ pod, volume, dir }, deps, ctx) {
    const claim = await boundClaim(pod, volume, deps, ctx);
    const name = claim.spec.volumeName ?? '';
    const pv = await deps.objects.get<PersistentVolume>(coreV1.PersistentVolume, '', name, ctx);
    if (pv === undefined)
      throw new Error(`failed to fetch PV ${name} from API server: persistentvolumes "${name}" not found`);
    if (pv.spec.claimRef?.uid !== undefined && pv.spec.claimRef.uid !== claim.metadata.uid) {
      throw new Error(
        `PV ${name} spec.claimRef.UID ${pv.spec.claimRef.uid} does not match PVC UID ${claim.metadata.uid}`,
      );
    }
    const readOnly = volume.persistentVolumeClaim?.readOnly === true;
    const csi = csiVolumeOf(pv, readOnly);
    if (csi !== undefined) return await mountCsi(pod, claim, pv, csi, deps, ctx);
    if (pv.spec.nfs !== undefined) {
      await mountNfs(pv.spec.nfs, dir, pv.spec.mountOptions ?? [], deps.files);
      return { hostPath: dir, readOnly };
    }
    if (pv.spec.local !== undefined) return await mountLocal(pod, pv, dir, readOnly, deps.files);
    return await mountPath(pv, readOnly, deps);
  },
};

export const claimNameOf = (pod: Pod, volume: Volume): string =>
  volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`;

async function boundClaim(pod: Pod, volume: Volume, deps: VolumeDeps, ctx: Ctx): Promise<PersistentVolumeClaim> {
  const namespace = pod.metadata.namespace ?? '';
  const name = claimNameOf(pod, volume);
  const what = `PVC ${namespace}/${name}`;
  const claim = await deps.objects.get<PersistentVolumeClaim>(coreV1.PersistentVolumeClaim, namespace, name, ctx);
  if (claim === undefined) {
    throw new Error(
      `error processing ${what}: failed to fetch PVC from API server: persistentvolumeclaims "${name}" not found`,
    );
  }
  if (claim.metadata.deletionTimestamp !== undefined && claim.status?.phase !== 'Bound') {
    throw new Error(`error processing ${what}: PVC is being deleted`);
  }
  if (claim.status?.phase !== 'Bound' || !claim.spec.volumeName) {
    throw new Error(`error processing ${what}: PVC is not bound`);
  }
  return claim;
}

/** Claims that grow are not told to nodes: mounted ones are looked at again and again. */
const LOOK_FOR_GROWTH_MS = 20_000;

async function mountCsi(
  pod: Pod,
  claim: PersistentVolumeClaim,
  pv: PersistentVolume,
  volume: CsiVolume,
  { csi }: VolumeDeps,
  ctx: Ctx,
): Promise<MountedVolume> {
  if (csi === undefined) throw new Error(`kubernetes.io/csi: this node takes no CSI drivers`);
  const { hostPath, block, refreshAtMs = Number.POSITIVE_INFINITY } = await csi.volumes.mount(pod, volume, ctx);
  await csi.expandIfDue(pod, claim, pv, volume, ctx);
  const lookAtMs = ctx.clock.nowMs() + LOOK_FOR_GROWTH_MS;
  return {
    hostPath,
    block,
    readOnly: volume.readOnly,
    refreshAtMs: Math.min(refreshAtMs, lookAtMs),
    measure: (asked) => csi.measure(pod, volume, asked),
  };
}

async function mountPath(pv: PersistentVolume, readOnly: boolean, { files }: VolumeDeps): Promise<MountedVolume> {
  const { hostPath } = pv.spec;
  if (hostPath !== undefined) {
    await checkHostPath(hostPath.path, hostPath.type ?? '', files);
    return { hostPath: hostPath.path, readOnly };
  }
  throw new Error(`the source of persistent volume "${pv.metadata.name}" is not supported on this node`);
}
