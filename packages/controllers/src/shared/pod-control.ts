/** Makes and removes Pods for an owner, with its events. Source: kubernetes pkg/controller/controller_utils.go, RealPodControl. */
import { type KubeObject, type NewObject, coreV1, nameIsDnsSubdomain, type OwnerReference } from '@kapella/api';
import type { Pod, PodTemplateSpec } from '@kapella/api/types/core-v1';
import { ApiError, type Ctx, describeError, isReason } from '@kapella/base';
import type { ControllerDeps } from '@kapella/controller';

/** The Pod as the template says, named after its owner. */
export function podFromTemplate(template: PodTemplateSpec, ownerName: string, owner?: OwnerReference): NewObject<Pod> {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const prefix = `${ownerName}-`;
  return {
    metadata: {
      generateName: nameIsDnsSubdomain(prefix, true).length === 0 ? prefix : ownerName,
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
      ...(finalizers !== undefined && { finalizers }),
      ...(owner !== undefined && { ownerReferences: [owner] }),
    },
    spec: template.spec,
  };
}

/** Whether the namespace is going away: nothing can be made in it, and nobody needs to hear about that. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') ?? false;
}

/** `pod` without namespace: it is made in the owner's. */
export async function createPod(
  { client, events }: ControllerDeps,
  owner: KubeObject,
  pod: NewObject<Pod>,
  ctx: Ctx,
): Promise<Pod> {
  const { namespace } = owner.metadata;
  try {
    const made = await client.create(coreV1.Pod, { ...pod, metadata: { ...pod.metadata, ...(namespace && { namespace }) } }, ctx);
    events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
    return made;
  } catch (error) {
    if (!isNamespaceTerminating(error) && !ctx.signal.aborted) {
      events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${describeError(error)}`);
    }
    throw error;
  }
}

/** A Pod that is gone already is no error. */
export async function deletePod(
  { client, events }: ControllerDeps,
  owner: KubeObject,
  pod: Pod,
  ctx: Ctx,
): Promise<void> {
  try {
    await client.delete(coreV1.Pod, pod, ctx, { uid: pod.metadata.uid });
    events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
  } catch (error) {
    if (isReason(error, 'NotFound')) return;
    if (!ctx.signal.aborted) events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${describeError(error)}`);
    throw error;
  }
}
