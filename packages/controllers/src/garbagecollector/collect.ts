/** Decides on one node by the live objects, and acts. Source: …/garbagecollector/garbagecollector.go, attemptToDeleteItem. */
import type { ObjectMeta, OwnerReference } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import { FOREGROUND_FINALIZER, type Identity, ORPHAN_FINALIZER, type OwnerGraph, type OwnerNode } from './graph.ts';
import { type LiveObjects, type LivePolicy, NamespacedOwnerError } from './live-objects.ts';

const ABSENT_MAX = 500;

/** Owners that the server said are not there. A uid never comes back, so this stays true. */
export class AbsentOwners {
  readonly #keys = new Set<string>();

  add(identity: Identity): void {
    const key = absentKey(identity);
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= ABSENT_MAX) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
  }

  has(identity: Identity): boolean {
    return this.#keys.has(absentKey(identity));
  }
}

const absentKey = ({ apiVersion, kind, namespace, name, uid }: Identity) =>
  [apiVersion, kind, namespace, name, uid].join('|');

export interface CollectorParts {
  readonly graph: OwnerGraph;
  readonly live: LiveObjects;
  readonly absent: AbsentOwners;
  /** Queues a node to be checked. */
  readonly check: (node: OwnerNode) => void;
}

/** Owner references of one object by the state of what they name. */
interface Classified {
  readonly solid: OwnerReference[];
  readonly dangling: OwnerReference[];
  /** The owner waits for its dependents to go. */
  readonly waiting: OwnerReference[];
}

/** True when the node is to be checked again later. */
export async function checkNode(parts: CollectorParts, node: OwnerNode, ctx: Ctx): Promise<boolean> {
  // On its way already: its own end will be seen, and its dependents be checked then.
  if (node.isBeingDeleted && !node.isDeletingDependents) return false;
  try {
    await decide(parts, node, ctx);
  } catch (error) {
    if (error instanceof NamespacedOwnerError) return false;
    throw error;
  }
  // Until an event shows it, nobody else would tell that a node which was only heard of is gone.
  return node.isVirtual && parts.graph.get(node.identity.uid) === node;
}

async function decide(parts: CollectorParts, node: OwnerNode, ctx: Ctx): Promise<void> {
  const { graph, live } = parts;
  const { identity } = node;
  const latest = await live.get(identity, ctx);
  if (latest === undefined || latest.uid !== identity.uid) {
    graph.confirmedAbsent(identity);
    return;
  }
  if (node.isDeletingDependents) return waitForDependents(parts, node, ctx);
  const references = latest.ownerReferences ?? [];
  if (references.length === 0) return;
  const { solid, dangling, waiting } = await classify(parts, node, references, ctx);
  if (solid.length > 0) {
    // Owners that wait for this one must not wait any longer: it stays, with the others.
    if (dangling.length > 0 || waiting.length > 0) await dropOwners(live, identity, [...dangling, ...waiting], ctx);
    return;
  }
  await deleteGarbage(parts, node, latest, waiting.length > 0 && node.dependents.size > 0, ctx);
}

async function deleteGarbage(
  parts: CollectorParts,
  node: OwnerNode,
  latest: ObjectMeta,
  isForeground: boolean,
  ctx: Ctx,
): Promise<void> {
  const { identity } = node;
  // Changed references are checked anew: the patch comes back as an event, or the deletion conflicts.
  if (isForeground) await unblockCycle(parts, node, ctx);
  const seen = isForeground ? await parts.live.get(identity, ctx) : latest;
  const policy = isForeground ? 'Foreground' : policyOf(latest);
  const isOther = seen === undefined || seen.uid !== identity.uid;
  const deleted = !isOther && (await parts.live.delete(identity, seen, policy, ctx));
  if (!deleted) parts.graph.confirmedAbsent(identity);
  else
    ctx.log.info('garbage deleted', {
      kind: identity.kind,
      namespace: identity.namespace,
      object: identity.name,
      policy,
    });
}

async function classify(
  parts: CollectorParts,
  node: OwnerNode,
  references: readonly OwnerReference[],
  ctx: Ctx,
): Promise<Classified> {
  const classified: Classified = { solid: [], dangling: [], waiting: [] };
  for (const reference of references) {
    const owner = await findOwner(parts, node, reference, ctx);
    if (owner === undefined) classified.dangling.push(reference);
    else if (isGoing(owner) && owner.finalizers?.includes(FOREGROUND_FINALIZER)) classified.waiting.push(reference);
    else classified.solid.push(reference);
  }
  return classified;
}

/** The live owner; undefined when there is none of that uid. Throws where it cannot be told. */
async function findOwner(
  { live, absent }: CollectorParts,
  { identity: { namespace } }: OwnerNode,
  reference: OwnerReference,
  ctx: Ctx,
): Promise<ObjectMeta | undefined> {
  const { apiVersion, kind, name, uid } = reference;
  const at = (owner: string): Identity => ({ apiVersion, kind, namespace: owner, name, uid });
  if (absent.has(at('')) || absent.has(at(namespace))) return undefined;
  const identity = at(live.kindOf(reference).namespaced ? namespace : '');
  const owner = await live.get(identity, ctx);
  if (owner !== undefined && owner.uid === uid) return owner;
  absent.add(identity);
  return undefined;
}

async function waitForDependents({ live, check }: CollectorParts, node: OwnerNode, ctx: Ctx): Promise<void> {
  const blocking = blockingDependents(node);
  if (blocking.length === 0) return removeFinalizer(live, node.identity, FOREGROUND_FINALIZER, ctx);
  // Two that wait for each other: whoever finds out stops holding up the other.
  if (waitsForItself(node)) await unblockOwners(live, node.identity, ctx);
  for (const dependent of blocking) if (!dependent.isDeletingDependents) check(dependent);
}

function blockingDependents(node: OwnerNode): OwnerNode[] {
  const { uid } = node.identity;
  const blocks = (owner: OwnerReference) => owner.uid === uid && owner.blockOwnerDeletion === true;
  return [...node.dependents].filter(({ owners }) => owners.some(blocks));
}

function waitsForItself(node: OwnerNode): boolean {
  const seen = new Set<OwnerNode>();
  const open = [node];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const dependent of blockingDependents(next)) {
      if (dependent === node) return true;
      if (!dependent.isDeletingDependents || seen.has(dependent)) continue;
      seen.add(dependent);
      open.push(dependent);
    }
  }
  return false;
}

/** A dependent that waits for its own dependents may, in a circle, wait for this one: do not make it wait for us too. */
async function unblockCycle({ live }: CollectorParts, node: OwnerNode, ctx: Ctx): Promise<void> {
  if ([...node.dependents].some((dependent) => dependent.isDeletingDependents))
    await unblockOwners(live, node.identity, ctx);
}

async function unblockOwners(live: LiveObjects, identity: Identity, ctx: Ctx): Promise<void> {
  const change = ({ ownerReferences = [] }: ObjectMeta) => {
    if (!ownerReferences.some((owner) => owner.blockOwnerDeletion === true)) return undefined;
    return { ownerReferences: ownerReferences.map((owner) => ({ ...owner, blockOwnerDeletion: false })) };
  };
  await live.edit(identity, change, ctx);
}

/** Frees all known dependents, then lets the owner go. */
export async function orphanDependents({ live }: CollectorParts, node: OwnerNode, ctx: Ctx): Promise<void> {
  const { identity } = node;
  await Promise.all([...node.dependents].map((dependent) => dropOwners(live, dependent.identity, [identity], ctx)));
  await removeFinalizer(live, identity, ORPHAN_FINALIZER, ctx);
}

async function dropOwners(
  live: LiveObjects,
  identity: Identity,
  owners: readonly { readonly uid: string }[],
  ctx: Ctx,
): Promise<void> {
  const uids = new Set(owners.map((owner) => owner.uid));
  const change = ({ ownerReferences = [] }: ObjectMeta) => {
    const kept = ownerReferences.filter((owner) => !uids.has(owner.uid));
    return kept.length === ownerReferences.length ? undefined : { ownerReferences: kept };
  };
  await live.edit(identity, change, ctx);
}

async function removeFinalizer(live: LiveObjects, identity: Identity, finalizer: string, ctx: Ctx): Promise<void> {
  const change = ({ finalizers = [] }: ObjectMeta) =>
    finalizers.includes(finalizer) ? { finalizers: finalizers.filter((name) => name !== finalizer) } : undefined;
  await live.edit(identity, change, ctx);
}

function policyOf({ finalizers = [] }: ObjectMeta): LivePolicy {
  if (finalizers.includes(ORPHAN_FINALIZER)) return 'Orphan';
  return finalizers.includes(FOREGROUND_FINALIZER) ? 'Foreground' : 'Background';
}

const isGoing = ({ deletionTimestamp }: ObjectMeta) => deletionTimestamp !== undefined && deletionTimestamp !== null;
