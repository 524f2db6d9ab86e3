/**
 * Who owns whom, as far as events have told. Synchronous, no I/O. Source: kubernetes pkg/controller/garbagecollector/
 * graph.go, graph_builder.go.
 *
 * An owner that was only heard of is a virtual node: someone must ask the server for it, and tells `confirmedAbsent`.
 * Nothing is decided here: nodes that may have become garbage are handed out to be checked against the live objects.
 */
import { apiVersionOf, type KindRef, type ObjectMeta, type OwnerReference } from '@kapella/api';
import { jsonEqual } from '@kapella/base';

export const FOREGROUND_FINALIZER = 'foregroundDeletion';
export const ORPHAN_FINALIZER = 'orphan';

/** Where an object is said to be. Two dependents may say it differently about one uid. */
export interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
  /** '' for cluster-scoped. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface OwnerNode {
  readonly identity: Identity;
  readonly owners: readonly OwnerReference[];
  readonly dependents: ReadonlySet<OwnerNode>;
  /** Never seen in an event. */
  readonly isVirtual: boolean;
  readonly isBeingDeleted: boolean;
  /** Waits for its dependents to go (foreground deletion). */
  readonly isDeletingDependents: boolean;
}

export interface GraphSink {
  /** To be checked: it may be garbage, or an owner that waits may go on. */
  check(node: OwnerNode): void;
  /** The same after a while. */
  checkLater(node: OwnerNode): void;
  /** Its dependents are to be made free of it. */
  orphan(node: OwnerNode): void;
  /** No such object: an answer for those who ask again. */
  absent(identity: Identity): void;
  /** A reference across namespaces. */
  invalidNamespace(node: OwnerNode, reference: OwnerReference): void;
}

const NONE: ReadonlySet<never> = new Set();

class Node implements OwnerNode {
  identity: Identity;
  owners: readonly OwnerReference[];
  // Most objects own nothing.
  own: Set<Node> | undefined;
  isVirtual: boolean;
  isBeingDeleted = false;
  isDeletingDependents = false;
  isOrphaning = false;

  constructor(identity: Identity, owners: readonly OwnerReference[], isVirtual: boolean) {
    this.identity = identity;
    this.owners = owners;
    this.isVirtual = isVirtual;
  }

  get dependents(): ReadonlySet<Node> {
    return this.own ?? NONE;
  }
}

export class OwnerGraph {
  readonly #nodes = new Map<string, Node>();
  readonly #sink: GraphSink;

  constructor(sink: GraphSink) {
    this.#sink = sink;
  }

  get size(): number {
    return this.#nodes.size;
  }

  get(uid: string): OwnerNode | undefined {
    return this.#nodes.get(uid);
  }

  /** Uids of all seen objects of a kind. */
  uidsOf(kind: KindRef<unknown>): string[] {
    const apiVersion = apiVersionOf(kind);
    const uids: string[] = [];
    for (const [uid, { identity, isVirtual }] of this.#nodes) {
      if (!isVirtual && identity.kind === kind.kind && identity.apiVersion === apiVersion) uids.push(uid);
    }
    return uids;
  }

  /** An object was made, changed or listed. Keeps nothing of `metadata` but its owner references. */
  observe(kind: KindRef<unknown>, metadata: ObjectMeta): void {
    const { uid, name, namespace = '', ownerReferences: owners = [] } = metadata;
    const node = this.#nodes.get(uid);
    if (node === undefined) {
      const added = new Node({ apiVersion: apiVersionOf(kind), kind: kind.kind, namespace, name, uid }, owners, false);
      this.#nodes.set(uid, added);
      this.#link(added, owners);
      this.#transition(added, metadata);
      return;
    }
    if (node.isVirtual) this.#realise(node, { apiVersion: apiVersionOf(kind), kind: kind.kind, namespace, name, uid });
    this.#changeOwners(node, owners);
    this.#transition(node, metadata);
  }

  /** An object was seen to go. */
  removed(uid: string): void {
    const node = this.#nodes.get(uid);
    if (node !== undefined) this.#remove(node);
  }

  /** Its kind is no longer watched: what depends on it keeps a node to hold on to. */
  unwatched(uid: string): void {
    const node = this.#nodes.get(uid);
    if (node === undefined) return;
    this.#unlink(node, node.owners);
    node.owners = [];
    if (node.dependents.size === 0) this.#nodes.delete(uid);
    else node.isVirtual = true;
  }

  /** The server said that there is no such object, under this name and uid. */
  confirmedAbsent(identity: Identity): void {
    const node = this.#nodes.get(identity.uid);
    if (node === undefined) return;
    if (node.isVirtual) {
      const { matching, others } = partition(node.dependents, identity);
      if (others.length === 0) this.#remove(node);
      else this.#tryElsewhere(node, identity, matching, others);
      return;
    }
    if (isSame(node.identity, identity)) this.#remove(node);
    // Seen under other coordinates: only those who name these are wrong.
    else this.#tellAbsent(identity, partition(node.dependents, identity).matching);
  }

  #tryElsewhere(node: Node, identity: Identity, matching: readonly Node[], others: readonly Node[]): void {
    this.#tellAbsent(identity, matching);
    if (!isSame(node.identity, identity)) return;
    const next = alternateIdentity(others, identity);
    if (next === undefined) return;
    node.identity = next;
    this.#sink.checkLater(node);
  }

  #tellAbsent(identity: Identity, dependents: readonly Node[]): void {
    if (dependents.length === 0) return;
    this.#sink.absent(identity);
    for (const dependent of dependents) this.#sink.check(dependent);
  }

  #remove(node: Node): void {
    this.#nodes.delete(node.identity.uid);
    this.#unlink(node, node.owners);
    if (node.dependents.size > 0) this.#sink.absent(node.identity);
    for (const dependent of node.dependents) this.#sink.check(dependent);
    for (const { uid } of node.owners) {
      const owner = this.#nodes.get(uid);
      // It may have waited for this one only.
      if (owner?.isDeletingDependents) this.#sink.check(owner);
    }
  }

  /** A node that was only heard of is seen; those who spoke of it otherwise may be garbage. */
  #realise(node: Node, identity: Identity): void {
    if (!isSame(node.identity, identity)) {
      for (const dependent of partition(node.dependents, identity).others) {
        if (identity.namespace !== '' && dependent.identity.namespace !== identity.namespace)
          this.#report(dependent, identity.uid);
        this.#sink.check(dependent);
      }
      node.identity = identity;
    }
    node.isVirtual = false;
  }

  #changeOwners(node: Node, next: readonly OwnerReference[]): void {
    if (jsonEqual(node.owners, next)) return;
    const old = new Map(node.owners.map((owner) => [owner.uid, owner]));
    const kept = new Map(next.map((owner) => [owner.uid, owner]));
    const removed = [...old.values()].filter((owner) => !kept.has(owner.uid));
    const added = [...kept.values()].filter((owner) => !old.has(owner.uid));
    for (const owner of old.values()) {
      const wasBlocking = owner.blockOwnerDeletion === true;
      const waiting = this.#nodes.get(owner.uid);
      if (wasBlocking && kept.get(owner.uid)?.blockOwnerDeletion !== true && waiting !== undefined)
        this.#sink.check(waiting);
    }
    node.owners = next;
    this.#link(node, added);
    this.#unlink(node, removed);
  }

  #link(node: Node, owners: readonly OwnerReference[]): void {
    let isDoubtful = false;
    for (const reference of owners) {
      const owner = this.#nodes.get(reference.uid);
      if (owner === undefined) this.#hearOf(reference, node);
      else {
        owner.own ??= new Set();
        owner.own.add(node);
        isDoubtful ||= this.#isDoubtful(node, reference, owner);
        // It waits for one more now, perhaps in a circle.
        if (owner.isDeletingDependents) this.#sink.check(owner);
      }
    }
    if (isDoubtful) this.#sink.check(node);
  }

  #hearOf({ apiVersion, kind, name, uid }: OwnerReference, dependent: Node): void {
    const owner = new Node({ apiVersion, kind, namespace: dependent.identity.namespace, name, uid }, [], true);
    owner.own = new Set([dependent]);
    this.#nodes.set(uid, owner);
    this.#sink.check(owner);
  }

  #isDoubtful(node: Node, reference: OwnerReference, owner: Node): boolean {
    const { namespace } = owner.identity;
    if (namespace !== '' && namespace !== node.identity.namespace) {
      if (!owner.isVirtual) this.#report(node, reference.uid);
      return true;
    }
    if (!matches(reference, owner.identity)) return true;
    // A virtual owner said to be cluster-scoped by a cluster-scoped dependent may be namespaced after all.
    return namespace === '' && node.identity.namespace !== '' && owner.isVirtual;
  }

  #report(node: Node, ownerUid: string): void {
    const reference = node.owners.find((owner) => owner.uid === ownerUid);
    if (reference !== undefined) this.#sink.invalidNamespace(node, reference);
  }

  #unlink(node: Node, owners: readonly OwnerReference[]): void {
    for (const { uid } of owners) {
      const owner = this.#nodes.get(uid);
      owner?.own?.delete(node);
      if (owner?.own?.size === 0) owner.own = undefined;
    }
  }

  #transition(node: Node, { deletionTimestamp, finalizers = [] }: ObjectMeta): void {
    const isBeingDeleted = deletionTimestamp !== undefined && deletionTimestamp !== null;
    const isOrphaning = isBeingDeleted && finalizers.includes(ORPHAN_FINALIZER);
    const isDeletingDependents = isBeingDeleted && finalizers.includes(FOREGROUND_FINALIZER);
    const startsOrphaning = isOrphaning && !node.isOrphaning;
    const startsDeleting = isDeletingDependents && !node.isDeletingDependents;
    node.isBeingDeleted = isBeingDeleted;
    node.isOrphaning = isOrphaning;
    node.isDeletingDependents = isDeletingDependents;
    if (startsOrphaning) this.#sink.orphan(node);
    else if (startsDeleting) {
      for (const dependent of node.dependents) this.#sink.check(dependent);
      this.#sink.check(node);
    }
  }
}

/** Those whose references name the object as `identity` does, and those who name it otherwise. One can be both. */
function partition(dependents: ReadonlySet<Node>, identity: Identity): { matching: Node[]; others: Node[] } {
  const matching: Node[] = [];
  const others: Node[] = [];
  for (const dependent of dependents) {
    const references = dependent.owners.filter((owner) => owner.uid === identity.uid);
    const isElsewhere = identity.namespace !== '' && identity.namespace !== dependent.identity.namespace;
    if (!isElsewhere && references.some((reference) => matches(reference, identity))) matching.push(dependent);
    if (isElsewhere || references.some((reference) => !matches(reference, identity))) others.push(dependent);
  }
  return { matching, others };
}

/** The next in order of all names that dependents have for the uid, so that each is asked for in turn. */
function alternateIdentity(dependents: readonly Node[], absent: Identity): Identity | undefined {
  const candidates = new Map<string, Identity>();
  for (const { owners, identity } of dependents) {
    for (const { apiVersion, kind, name, uid } of owners) {
      if (uid !== absent.uid) continue;
      const isClusterScoped = absent.namespace === '' && apiVersion === absent.apiVersion && kind === absent.kind;
      const candidate = { apiVersion, kind, namespace: isClusterScoped ? '' : identity.namespace, name, uid };
      if (!isSame(candidate, absent)) candidates.set(orderKey(candidate), candidate);
    }
  }
  const sorted = [...candidates.keys()].toSorted();
  const key = sorted.find((candidate) => candidate > orderKey(absent)) ?? sorted[0];
  return key === undefined ? undefined : candidates.get(key);
}

const orderKey = ({ kind, apiVersion, namespace, name }: Identity) => [kind, apiVersion, namespace, name].join('\0');

function matches(reference: OwnerReference, identity: Identity): boolean {
  return (
    reference.name === identity.name && reference.kind === identity.kind && reference.apiVersion === identity.apiVersion
  );
}

export function isSame(a: Identity, b: Identity): boolean {
  return a.uid === b.uid && a.namespace === b.namespace && matches(a, b);
}
