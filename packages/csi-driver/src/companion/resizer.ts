/** Claims that ask for more than their volume has. Source: kubernetes-csi/external-resizer. */
import { coreV1, quantityValue } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { type Ctx, formatTime } from '@kapella/base';
import type { Client } from '@kapella/client';
import type { ControllerService } from '../controller-service.ts';
import { sizeText } from '../images.ts';
import { isOn, wantedBytes } from './backend.ts';

export interface Growth {
  readonly claim: PersistentVolumeClaim;
  readonly volume: PersistentVolume;
  readonly bytes: number;
}

/** Pure. */
export function planGrowth(
  nodeId: string,
  claims: readonly PersistentVolumeClaim[],
  volumes: readonly PersistentVolume[],
): readonly Growth[] {
  const byName = new Map(volumes.map((volume) => [volume.metadata.name, volume]));
  return claims.flatMap((claim) => {
    const volume = byName.get(claim.spec.volumeName ?? '');
    if (volume === undefined || !isOn(volume, nodeId) || claim.status?.phase !== 'Bound') return [];
    if (volume.spec.claimRef?.uid !== claim.metadata.uid || claim.metadata.deletionTimestamp !== undefined) return [];
    const bytes = wantedBytes(claim);
    return bytes > quantityValue(volume.spec.capacity?.['storage'] ?? '0') ? [{ claim, volume, bytes }] : [];
  });
}

/** The image grows here; the node agent sees to the file system and to the claim's size. */
export async function grow(
  { claim, volume, bytes }: Growth,
  controller: ControllerService,
  client: Client,
  ctx: Ctx,
): Promise<void> {
  const { capacityBytes } = await controller.controllerExpandVolume({
    volumeId: volume.spec.csi?.volumeHandle ?? '',
    capacityRange: { requiredBytes: String(bytes), limitBytes: '0' },
  });
  const spec = { capacity: { storage: sizeText(capacityBytes) } };
  await client.patch(coreV1.PersistentVolume, volume, { type: 'merge', body: { spec } }, ctx);
  const pending = {
    type: 'FileSystemResizePending',
    status: 'True',
    lastTransitionTime: formatTime(ctx.clock.nowMs()),
    message: 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.',
  };
  const others = (claim.status?.conditions ?? []).filter(({ type }) => type !== pending.type && type !== 'Resizing');
  const status = {
    conditions: [...others, pending],
    allocatedResources: { storage: claim.spec.resources?.requests?.['storage'] },
    allocatedResourceStatuses: { storage: 'NodeResizePending' },
  };
  await client.patch(coreV1.PersistentVolumeClaim, claim.metadata, { type: 'merge', body: { status } }, ctx, {
    subresource: 'status',
  });
}
