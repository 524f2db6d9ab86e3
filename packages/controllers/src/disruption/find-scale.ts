/** How many Pods the owners of Pods want together. Source: kubernetes pkg/controller/disruption/disruption.go, getExpectedScale. */
import { appsV1, coreV1, type KindRef, type KubeObject, type OwnerReference } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, isReason } from '@kapella/base';
import { controllerOf, type ControllerDeps, refersTo } from '@kapella/controller';

interface Scaled extends KubeObject {
  readonly spec: { readonly replicas?: number };
}

interface Scale {
  readonly uid: string;
  readonly replicas: number;
}

export interface ExpectedScale {
  readonly replicas: number;
  /** Pods that nobody controls: they cannot be counted. */
  readonly unmanaged: readonly Pod[];
}

/** Throws where an owner has no scale that can be found. */
export async function findScale(deps: ControllerDeps, pods: readonly Pod[], ctx: Ctx): Promise<ExpectedScale> {
  const scales = new Map<string, Scale>();
  const unmanaged: Pod[] = [];
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (owner === undefined) unmanaged.push(pod);
    else if (!scales.has(owner.uid)) scales.set(owner.uid, await scaleOf(deps, pod, owner, ctx));
  }
  // Two ReplicaSets of one Deployment count once.
  const wanted = new Map([...scales.values()].map(({ uid, replicas }) => [uid, replicas]));
  return { replicas: [...wanted.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
}

async function scaleOf(deps: ControllerDeps, pod: Pod, owner: OwnerReference, ctx: Ctx): Promise<Scale> {
  const namespace = pod.metadata.namespace ?? '';
  const found = ownScale(deps, namespace, owner) ?? (await foreignScale(deps, namespace, owner, ctx));
  if (found === undefined) throw new Error(`found no controllers for pod "${pod.metadata.name}"`);
  return found;
}

function ownScale({ cache }: ControllerDeps, namespace: string, owner: OwnerReference): Scale | undefined {
  const lookUp = (kind: KindRef<Scaled>, reference: OwnerReference): Scaled | undefined => {
    if (!refersTo(reference, kind)) return undefined;
    const object = cache.get(kind, `${namespace}/${reference.name}`);
    return object?.metadata.uid === reference.uid ? object : undefined;
  };
  const set = lookUp(appsV1.ReplicaSet, owner);
  const above = set === undefined ? undefined : controllerOf(set);
  const scaled =
    (above && lookUp(appsV1.Deployment, above)) ??
    set ??
    lookUp(appsV1.StatefulSet, owner) ??
    lookUp(coreV1.ReplicationController, owner);
  return scaled === undefined ? undefined : { uid: scaled.metadata.uid, replicas: scaled.spec.replicas ?? 1 };
}

/** Any other kind may have the subresource `scale`. */
async function foreignScale(
  { client }: ControllerDeps,
  namespace: string,
  owner: OwnerReference,
  ctx: Ctx,
): Promise<Scale | undefined> {
  const root = owner.apiVersion.includes('/') ? `/apis/${owner.apiVersion}` : `/api/${owner.apiVersion}`;
  try {
    const { resources } = await client.request<{ resources: readonly { name: string; kind: string }[] }>(
      'GET',
      root,
      {},
      ctx,
    );
    const plural = resources.find(({ name, kind }) => kind === owner.kind && !name.includes('/'))?.name;
    if (plural === undefined || !resources.some(({ name }) => name === `${plural}/scale`)) return undefined;
    const scale = await client.request<Scaled>(
      'GET',
      `${root}/namespaces/${namespace}/${plural}/${owner.name}/scale`,
      {},
      ctx,
    );
    return scale.metadata.uid === owner.uid ? { uid: owner.uid, replicas: scale.spec.replicas ?? 0 } : undefined;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
