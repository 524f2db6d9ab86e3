/** Creates and deletes Pods and tells it on their owner. Source: kubernetes pkg/controller/controller_utils.go, RealPodControl. */
import { coreV1, type KubeObject } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { ApiError, type Ctx, describeError, isReason } from '@kapella/base';
import type { ControllerDeps } from '@kapella/controller';
import type { NewPod } from './template.ts';

/** The namespace goes away: creating again is pointless, and nobody need hear of it. */
export function isNamespaceTerminating(error: unknown): boolean {
  return (
    error instanceof ApiError && (error.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
  );
}

export async function createPod(
  { client, events }: ControllerDeps,
  owner: KubeObject,
  pod: NewPod,
  ctx: Ctx,
): Promise<Pod> {
  try {
    const created = await client.create(coreV1.Pod, pod, ctx);
    events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
    return created;
  } catch (error) {
    if (!isNamespaceTerminating(error)) {
      events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${describeError(error)}`);
    }
    throw error;
  }
}

/** False when the Pod is gone already. */
export async function deletePod(
  { client, events }: ControllerDeps,
  owner: KubeObject,
  pod: Pod,
  ctx: Ctx,
): Promise<boolean> {
  try {
    await client.delete(coreV1.Pod, pod, ctx, { uid: pod.metadata.uid });
  } catch (error) {
    // A conflict says that another Pod has this name now.
    if (isReason(error, 'NotFound', 'Conflict')) return false;
    events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${describeError(error)}`);
    throw error;
  }
  events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
  return true;
}
