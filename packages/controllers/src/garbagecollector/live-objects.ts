/** Objects as the server has them now, by what owner references say. Source: …/garbagecollector/operations.go. */
import { apiVersionOf, type KindRef, type ObjectMeta, pathOf } from '@kapella/api';
import { type Ctx, isReason, jsonEqual } from '@kapella/base';
import type { Client, DeleteOptions } from '@kapella/client';
import type { DiscoveredKind } from './discovery.ts';
import type { Identity } from './graph.ts';

/** The server has no such kind, or does not say so yet. */
export class UnknownKindError extends Error {
  override readonly name = 'UnknownKindError';
}

/** A cluster-scoped object names a namespaced owner: no retry makes that right. */
export class NamespacedOwnerError extends Error {
  override readonly name = 'NamespacedOwnerError';
}

const METADATA_ACCEPT = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';
const CONFLICTS_MAX = 5;

export type LivePolicy = NonNullable<DeleteOptions['propagationPolicy']>;

export class LiveObjects {
  readonly #client: Client;
  #kinds = new Map<string, KindRef>();

  constructor(client: Client) {
    this.#client = client;
  }

  setKinds(all: readonly DiscoveredKind[]): void {
    this.#kinds = new Map(all.map((kind) => [`${apiVersionOf(kind)}|${kind.kind}`, kind]));
  }

  kindOf({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): KindRef {
    const found = this.#kinds.get(`${apiVersion}|${kind}`);
    if (found === undefined) throw new UnknownKindError(`unable to get REST mapping for ${apiVersion}/${kind}.`);
    return found;
  }

  async get(identity: Identity, ctx: Ctx): Promise<ObjectMeta | undefined> {
    const { kind, namespace } = this.#locate(identity);
    const path = pathOf(kind, namespace, identity.name);
    try {
      const request = { headers: { accept: METADATA_ACCEPT } };
      return (await this.#client.request<{ metadata: ObjectMeta }>('GET', path, request, ctx)).metadata;
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** False when it is gone already. Nothing is deleted whose owners changed since `seen`. */
  async delete(identity: Identity, seen: ObjectMeta, propagationPolicy: LivePolicy, ctx: Ctx): Promise<boolean> {
    const { kind, namespace } = this.#locate(identity);
    const named = { namespace, name: identity.name };
    const { uid } = identity;
    try {
      await this.#client.delete(kind, named, ctx, { uid, resourceVersion: seen.resourceVersion, propagationPolicy });
      return true;
    } catch (error) {
      if (isReason(error, 'NotFound')) return false;
      if (!isReason(error, 'Conflict')) throw error;
      const now = await this.get(identity, ctx);
      if (now === undefined || now.uid !== uid) return false;
      if (!jsonEqual(now.ownerReferences ?? [], seen.ownerReferences ?? [])) throw error;
    }
    // Changed in other ways only: quick changes must not keep garbage alive.
    return this.#client.delete(kind, named, ctx, { uid, propagationPolicy }).then(
      () => true,
      (error) => {
        if (isReason(error, 'NotFound')) return false;
        throw error;
      },
    );
  }

  /** Writes the changes that `change` makes of the live metadata; it is asked again after a conflict. */
  async edit(
    identity: Identity,
    change: (live: ObjectMeta) => Partial<ObjectMeta> | undefined,
    ctx: Ctx,
  ): Promise<void> {
    const { kind, namespace } = this.#locate(identity);
    for (let attempt = 1; ; attempt++) {
      const live = await this.get(identity, ctx);
      if (live === undefined || live.uid !== identity.uid) return;
      const fields = change(live);
      if (fields === undefined) return;
      const body = { metadata: { uid: live.uid, resourceVersion: live.resourceVersion, ...fields } };
      try {
        await this.#client.patch(kind, { namespace, name: identity.name }, { type: 'merge', body }, ctx);
        return;
      } catch (error) {
        if (isReason(error, 'NotFound')) return;
        if (!isReason(error, 'Conflict') || attempt >= CONFLICTS_MAX) throw error;
      }
    }
  }

  #locate(identity: Identity): { kind: KindRef; namespace: string } {
    const kind = this.kindOf(identity);
    if (!kind.namespaced) return { kind, namespace: '' };
    if (identity.namespace === '')
      throw new NamespacedOwnerError(`namespaced owner of a cluster-scoped object: ${identity.name}`);
    return { kind, namespace: identity.namespace };
  }
}
