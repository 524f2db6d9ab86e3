/** Adoption and release of objects by selector. Source: kubernetes pkg/controller/controller_ref_manager.go. */
import type { KindRef, KubeObject, LabelSelector } from '@kapella/api';
import { type Ctx, isReason } from '@kapella/base';
import type { Cache } from '@kapella/client';
import { controllerOf, controllerRef, type ControllerDeps } from '@kapella/controller';

const ORPHANS = 'orphans-by-namespace';

/** What the owner controls, and what nobody in its namespace controls. */
export function ownedAndOrphans<T extends KubeObject>(cache: Cache, kind: KindRef<T>, owner: KubeObject): readonly T[] {
  const owned = cache.ownedBy(kind, owner.metadata.uid).filter((object) => controllerOf(object)?.uid === owner.metadata.uid);
  return [...owned, ...orphansIn(cache, kind, owner.metadata.namespace ?? '')];
}

export function orphansIn<T extends KubeObject>(cache: Cache, kind: KindRef<T>, namespace: string): readonly T[] {
  const informer = cache.informer(kind);
  informer.addIndex(ORPHANS, (object) => (controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : []));
  return informer.byIndex(ORPHANS, namespace);
}

/**
 * The objects that `owner` controls from now on: matching orphans are adopted, owned ones that no longer match are
 * released. An owner that is being deleted only keeps what it has.
 */
export async function claim<O extends KubeObject, T extends KubeObject>(
  { client }: ControllerDeps,
  ownerKind: KindRef<O>,
  owner: O,
  selector: LabelSelector,
  kind: KindRef<T>,
  objects: readonly T[],
  ctx: Ctx,
): Promise<T[]> {
  const claimed: T[] = [];
  const going = owner.metadata.deletionTimestamp !== undefined;
  let mayAdopt: boolean | undefined;
  for (const object of objects) {
    const present = controllerOf(object);
    const matches = selector.matches(object.metadata.labels);
    if (present !== undefined) {
      if (present.uid !== owner.metadata.uid) continue;
      if (matches) claimed.push(object);
      else if (!going) await release(object);
      continue;
    }
    if (!matches || going || object.metadata.deletionTimestamp !== undefined) continue;
    if (object.metadata.namespace !== owner.metadata.namespace) continue;
    mayAdopt ??= await isStillThere();
    if (!mayAdopt) continue;
    const adopted = await adopt(object);
    if (adopted !== undefined) claimed.push(adopted);
  }
  return claimed;

  /** The cache may be late: an owner that is going must not take anything with it. */
  async function isStillThere(): Promise<boolean> {
    const fresh = await client.get(ownerKind, owner, ctx);
    if (fresh?.metadata.uid !== owner.metadata.uid) {
      throw new Error(`original ${ownerKind.kind} ${owner.metadata.namespace}/${owner.metadata.name} is gone`);
    }
    return fresh.metadata.deletionTimestamp === undefined;
  }

  async function adopt(object: T): Promise<T | undefined> {
    const references = [...(object.metadata.ownerReferences ?? []), controllerRef(ownerKind, owner)];
    return write(object, references);
  }

  async function release(object: T): Promise<void> {
    await write(object, (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== owner.metadata.uid));
  }

  async function write(object: T, ownerReferences: object): Promise<T | undefined> {
    const { uid, resourceVersion } = object.metadata;
    try {
      return await client.patch(kind, object, { type: 'merge', body: { metadata: { uid, resourceVersion, ownerReferences } } }, ctx);
    } catch (error) {
      if (isReason(error, 'NotFound', 'Invalid')) return undefined; // gone, or taken by another meanwhile
      throw error;
    }
  }
}
