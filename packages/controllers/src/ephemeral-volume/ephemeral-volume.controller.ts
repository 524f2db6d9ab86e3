/** Makes the claim of each generic ephemeral volume. Source: kubernetes pkg/controller/volume/ephemeral/controller.go. */
import { coreV1, keyOf, type NewObject } from '@kapella/api';
import type { PersistentVolumeClaim, Pod, Volume } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import {
  type Controller,
  type ControllerDeps,
  controllerRef,
  defineController,
  isControlledBy,
} from '@kapella/controller';

const isEphemeral = (volume: Volume) => volume.ephemeral !== undefined && volume.ephemeral !== null;
const claimName = (pod: Pod, volume: Volume) => `${pod.metadata.name}-${volume.name}`;

export type VolumePlan =
  | { readonly type: 'nothing' }
  | { readonly type: 'create'; readonly claim: NewObject<PersistentVolumeClaim> }
  | { readonly type: 'refuse'; readonly message: string };

/** Pure. `claim`: the one of the volume's name, whoever made it. */
export function planVolume(pod: Pod, volume: Volume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const template = volume.ephemeral?.volumeClaimTemplate;
  if (template === undefined) return { type: 'nothing' };
  if (claim !== undefined) {
    if (isControlledBy(claim, pod)) return { type: 'nothing' };
    const message = `PVC ${keyOf(claim)} was not created for pod ${keyOf(pod)} (pod is not owner)`;
    return { type: 'refuse', message };
  }
  const { labels, annotations } = template.metadata ?? {};
  const { namespace } = pod.metadata;
  const metadata = {
    name: claimName(pod, volume),
    ...(namespace !== undefined && { namespace }),
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ownerReferences: [controllerRef(coreV1.Pod, pod)],
  };
  return { type: 'create', claim: { metadata, spec: template.spec } };
}

export function createEphemeralVolumeController(deps: ControllerDeps): Controller {
  const { cache, events } = deps;
  return defineController({
    name: 'ephemeral-volume-controller',
    primary: coreV1.Pod,
    // A claim deleted while its Pod lives is made again.
    owns: [coreV1.PersistentVolumeClaim],
    async reconcile(key, ctx) {
      const pod = cache.get(coreV1.Pod, key);
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return {};
      for (const volume of (pod.spec.volumes ?? []).filter(isEphemeral)) {
        try {
          await provide(deps, pod, volume, ctx);
        } catch (error) {
          const message = `ephemeral volume ${volume.name}: ${describeError(error)}`;
          events.event(pod, 'Warning', 'FailedBinding', message);
          throw new Error(`pod ${key}, ${message}`);
        }
      }
      return {};
    },
  });
}

async function provide({ cache, client }: ControllerDeps, pod: Pod, volume: Volume, ctx: Ctx): Promise<void> {
  const present = cache.get(coreV1.PersistentVolumeClaim, `${pod.metadata.namespace}/${claimName(pod, volume)}`);
  const plan = planVolume(pod, volume, present);
  if (plan.type === 'nothing') return;
  if (plan.type === 'refuse') throw new Error(plan.message);
  try {
    await client.create(coreV1.PersistentVolumeClaim, plan.claim, ctx);
  } catch (error) {
    // As upstream's error, which the event quotes as a whole.
    throw new Error(`create PVC ${claimName(pod, volume)}: ${describeError(error)}`);
  }
}
