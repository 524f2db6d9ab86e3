/** Adoption and release by selector. Source: kubernetes pkg/controller/controller_ref_manager.go. */
import { compileLabelSelector, type KindRef, type KubeObject, keyOf, type LabelSelector } from '@kapella/api';
import type { LabelSelector as LabelSelectorFields } from '@kapella/api/types/meta-v1';
import { type Ctx, isReason, jsonEqual } from '@kapella/base';
import type { Cache, Client } from '@kapella/client';
import { controllerOf, controllerRef, type WatchSource } from '@kapella/controller';
import type { Owner } from './template.ts';

const ORPHANS = 'orphans-by-namespace';

export interface ClaimPlan<T> {
  /** In the order given. */
  readonly owned: readonly T[];
  readonly adopt: readonly T[];
  readonly release: readonly T[];
}

/** Pure. `candidates`: objects that the owner controls or that nobody does. */
export function planClaim<T extends KubeObject>(
  owner: Owner,
  selector: LabelSelector,
  candidates: readonly T[],
  isWanted: (object: T) => boolean = () => true,
): ClaimPlan<T> {
  const plan = { owned: [] as T[], adopt: [] as T[], release: [] as T[] };
  const ownerGoes = owner.metadata.deletionTimestamp !== undefined;
  const fateOf = (object: T): T[] | undefined => {
    const controller = controllerOf(object);
    const matches = selector.matches(object.metadata.labels ?? {}) && isWanted(object);
    if (controller === undefined) {
      const isFree = !ownerGoes && object.metadata.deletionTimestamp === undefined;
      return matches && isFree ? plan.adopt : undefined;
    }
    if (controller.uid !== owner.metadata.uid) return undefined;
    if (matches) return plan.owned;
    return ownerGoes ? undefined : plan.release;
  };
  for (const object of candidates) fateOf(object)?.push(object);
  return plan;
}

/** To be called when the controller is made: `candidatesOf` then costs what it answers. */
export function indexOrphans<T extends KubeObject>(cache: Cache, kind: KindRef<T>): void {
  cache
    .informer(kind)
    .addIndex(ORPHANS, (object) => (controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : []));
}

/** Objects that the owner controls, and those of its namespace that nobody controls. */
export function candidatesOf<T extends KubeObject>(cache: Cache, kind: KindRef<T>, owner: Owner): T[] {
  const own = cache
    .ownedBy(kind, owner.metadata.uid)
    .filter((object) => controllerOf(object)?.uid === owner.metadata.uid);
  return [...own, ...cache.informer(kind).byIndex(ORPHANS, owner.metadata.namespace ?? '')];
}

export interface ClaimRequest<T> {
  readonly ownerKind: KindRef<unknown>;
  readonly owner: Owner;
  readonly kind: KindRef<T>;
  readonly plan: ClaimPlan<T>;
  /** Added to what is adopted. */
  readonly finalizers?: readonly string[];
}

/** Writes the plan; answers what the owner controls then. */
export async function claim<T extends KubeObject>(client: Client, request: ClaimRequest<T>, ctx: Ctx): Promise<T[]> {
  const { plan, owner, ownerKind, kind } = request;
  for (const object of plan.release) await release(client, kind, object, owner, ctx);
  if (plan.adopt.length === 0) return [...plan.owned];
  await recheckOwner(client, ownerKind, owner, ctx);
  const adopted: T[] = [];
  for (const object of plan.adopt) {
    const finalizers = request.finalizers === undefined ? {} : { finalizers: request.finalizers };
    const { uid } = object.metadata;
    const metadata = { uid, ownerReferences: [controllerRef(ownerKind, owner)], ...finalizers };
    try {
      adopted.push(
        (await client.patch(kind, object as KubeObject, { type: 'strategic', body: { metadata } }, ctx)) as T,
      );
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
  return [...plan.owned, ...adopted];
}

/** An owner that is going, or another of its name, must not adopt: the cache may be behind. */
async function recheckOwner(client: Client, kind: KindRef<unknown>, owner: Owner, ctx: Ctx): Promise<void> {
  const fresh = (await client.get(kind, owner, ctx)) as KubeObject | undefined;
  const key = keyOf(owner);
  if (fresh === undefined) throw new Error(`can't adopt: ${kind.kind} ${key} is gone`);
  if (fresh.metadata.uid !== owner.metadata.uid) {
    throw new Error(
      `original ${kind.kind} ${key} is gone: got uid ${fresh.metadata.uid}, wanted ${owner.metadata.uid}`,
    );
  }
  if (fresh.metadata.deletionTimestamp !== undefined) {
    throw new Error(`can't adopt: ${key} has just been deleted at ${fresh.metadata.deletionTimestamp}`);
  }
}

async function release<T extends KubeObject>(client: Client, kind: KindRef<T>, object: T, owner: Owner, ctx: Ctx) {
  const { uid, resourceVersion, ownerReferences = [] } = object.metadata;
  const rest = ownerReferences.filter((reference) => reference.uid !== owner.metadata.uid);
  const metadata = { uid, resourceVersion, ownerReferences: rest };
  try {
    await client.patch(kind, object as KubeObject, { type: 'merge', body: { metadata } }, ctx);
  } catch (error) {
    // Gone, or of another uid: nothing to release any more.
    if (!isReason(error, 'NotFound', 'Invalid')) throw error;
  }
}

/** An object that nobody controls queues every primary that would adopt it. */
export function orphanWatch<P extends KubeObject, T extends KubeObject>(
  cache: Cache,
  primary: KindRef<P>,
  kind: KindRef<T>,
  selectorOf: (primary: P) => LabelSelectorFields | undefined,
): WatchSource<T> {
  return {
    kind,
    keysOf(object, old, deleted) {
      if (deleted || controllerOf(object) !== undefined || object.metadata.deletionTimestamp !== undefined) return [];
      const wasOrphan = old !== undefined && controllerOf(old) === undefined;
      if (wasOrphan && jsonEqual(old.metadata.labels, object.metadata.labels)) return [];
      const labels = object.metadata.labels ?? {};
      return cache
        .list(primary, object.metadata.namespace)
        .filter((candidate) => {
          const selector = compileLabelSelector(selectorOf(candidate));
          return !selector.isEmpty && selector.matches(labels);
        })
        .map(keyOf);
    },
  };
}
