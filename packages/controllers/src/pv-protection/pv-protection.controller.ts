/** Claims in use by Pods and volumes bound to claims are not deleted. Source: …/controller/volume/{pvc,pv}protection. */
import { coreV1, keyOf } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { planFinalizers } from './plan-finalizers.ts';

export const PVC_FINALIZER = 'kubernetes.io/pvc-protection';
export const PV_FINALIZER = 'kubernetes.io/pv-protection';

export function createPvcProtectionController({ cache, client }: ControllerDeps): Controller {
  return defineController({
    name: 'persistentvolumeclaim-protection-controller',
    primary: coreV1.PersistentVolumeClaim,
    watches: [{ kind: coreV1.Pod, keysOf: (pod, _old, deleted) => (deleted || isFinished(pod) ? claimKeys(pod) : []) }],
    async reconcile(key, ctx) {
      const claim = cache.get(coreV1.PersistentVolumeClaim, key);
      if (claim === undefined) return {};
      const users = () => cache.list(coreV1.Pod, claim.metadata.namespace).filter((pod) => !isFinished(pod));
      const inUse =
        claim.metadata.deletionTimestamp !== undefined && users().some((pod) => claimKeys(pod).includes(key));
      const finalizers = planFinalizers(claim, PVC_FINALIZER, inUse);
      if (finalizers === undefined) return {};
      await client.update(coreV1.PersistentVolumeClaim, { ...claim, metadata: { ...claim.metadata, finalizers } }, ctx);
      return {};
    },
  });
}

export function createPvProtectionController({ cache, client }: ControllerDeps): Controller {
  return defineController({
    name: 'persistentvolume-protection-controller',
    primary: coreV1.PersistentVolume,
    async reconcile(name, ctx) {
      const volume = cache.get(coreV1.PersistentVolume, name);
      if (volume === undefined) return {};
      const finalizers = planFinalizers(volume, PV_FINALIZER, volume.status?.phase === 'Bound');
      if (finalizers === undefined) return {};
      await client.update(coreV1.PersistentVolume, { ...volume, metadata: { ...volume.metadata, finalizers } }, ctx);
      return {};
    },
  });
}

const isFinished = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** A Pod that was never placed uses nothing yet. */
function claimKeys(pod: Pod): string[] {
  if (!pod.spec.nodeName) return [];
  const { namespace, name } = pod.metadata;
  const key = (claim: string) =>
    keyOf({ metadata: { name: claim, ...(namespace === undefined ? {} : { namespace }) } });
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [key(volume.persistentVolumeClaim.claimName)];
    return volume.ephemeral === undefined ? [] : [key(`${name}-${volume.name}`)];
  });
}
