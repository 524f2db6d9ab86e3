/**
 * Claims that ask for more than their volume has. All drivers that can grow are external: their resizers do it, and this
 * says that it is waited for. Source: kubernetes pkg/controller/volume/expand.
 */
import { coreV1, quantityValue } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

/** Pure. Whether the claim waits for someone outside. */
export function waitsForResizer(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined): boolean {
  if (claim.status?.phase !== 'Bound' || volume?.spec.claimRef?.uid !== claim.metadata.uid) return false;
  const wanted = claim.spec.resources?.requests?.['storage'];
  const has = claim.status?.capacity?.['storage'];
  if (wanted === undefined || has === undefined) return false;
  return quantityValue(wanted) > quantityValue(has);
}

const sizeOf = ({ spec }: PersistentVolumeClaim) => spec.resources?.requests?.['storage'];

export function createExpandController({ cache, events }: ControllerDeps): Controller {
  return defineController({
    name: 'persistentvolume-expander-controller',
    primary: coreV1.PersistentVolumeClaim,
    // Only a request that changed: else each step of the resizer would be told of.
    primaryChanged: (next, old) => sizeOf(next) !== sizeOf(old),
    reads: [coreV1.PersistentVolume],
    async reconcile(key) {
      const claim = cache.get(coreV1.PersistentVolumeClaim, key);
      const volume = cache.get(coreV1.PersistentVolume, claim?.spec.volumeName ?? '');
      if (claim !== undefined && waitsForResizer(claim, volume)) {
        events.event(claim, 'Normal', 'ExternalExpanding', 'waiting for an external controller to expand this PVC');
      }
      return {};
    },
  });
}
