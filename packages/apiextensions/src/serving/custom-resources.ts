/**
 * Serves what CustomResourceDefinitions define, as they come, change and go: accepts their names, registers their
 * resources, deletes the objects of one that is deleted. Sources: apiextensions-apiserver pkg/controller/{status,establish,
 * finalizer} and pkg/apiserver/customresource_handler.go.
 */
import { type ApplyType, apiextensionsV1, ApplySchema, type KindRef, type UnknownObject } from '@kapella/api';
import type { CustomResourceDefinition } from '@kapella/api/types/apiextensions-v1';
import { type ApiServer, followCache, type ResourceDefinition } from '@kapella/apiserver';
import { type Ctx, describeError, invariant, isReason, jsonEqual } from '@kapella/base';
import type { CacheEvent, WatchCache } from '@kapella/store';
import { resourcesOf } from './definition.ts';
import { hasCondition, planStatus, withCondition } from './naming.ts';

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';
const RETRY_MS = 1_000;

export interface CustomResources {
  /** Ends following; what is registered stays. */
  close(): void;
}

/** Starts with the definitions that are there. The server must be ready. */
export function createCustomResources(server: ApiServer, ctx: Ctx): CustomResources {
  return new DefinitionFollower(server, ctx);
}

interface Registered {
  readonly resources: readonly ResourceDefinition[];
  /** What the store's cache depends on: when it changes, watches end and the cache is made anew. */
  readonly storageKey: string;
  /** What the resources depend on. */
  readonly definitionKey: string;
}

class DefinitionFollower implements CustomResources {
  readonly #server: ApiServer;
  readonly #ctx: Ctx;
  readonly #metadataType: ApplyType;
  readonly #definitions = new Map<string, { readonly object: CustomResourceDefinition; readonly revision: number }>();
  readonly #registered = new Map<string, Registered>();
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();
  readonly #stop: () => void;

  constructor(server: ApiServer, ctx: Ctx) {
    this.#server = server;
    this.#ctx = ctx;
    const metadataType = new ApplySchema(server.facts).type('meta/v1.ObjectMeta');
    invariant(metadataType !== undefined, 'there are facts about ObjectMeta');
    this.#metadataType = metadataType;
    const { group, version, plural } = apiextensionsV1.CustomResourceDefinition;
    this.#stop = followCache(server.registry.find(group, version, plural)?.storage?.cache, (events) =>
      this.#see(events),
    );
    ctx.signal.addEventListener('abort', () => this.close(), { once: true });
  }

  close(): void {
    this.#stop();
  }

  #see(events: readonly CacheEvent[]): void {
    for (const { type, object } of events) {
      if (type === 'DELETED') this.#definitions.delete(object.name);
      else this.#definitions.set(object.name, { object: object.object(), revision: object.revision });
    }
    for (const { object } of events) this.#changed(object.name);
  }

  #changed(name: string): void {
    const known = this.#definitions.get(name);
    if (known === undefined) {
      this.#unregister(name);
      // A name has become free: others of the group may wait for it.
      const group = name.slice(name.indexOf('.') + 1);
      for (const other of this.#ofGroup(group)) this.#work(other.metadata.name);
      return;
    }
    if (hasCondition(known.object, 'Established')) this.#register(known.object, known.revision);
    this.#work(name);
  }

  #ofGroup(group: string): CustomResourceDefinition[] {
    return [...this.#definitions.values()].map(({ object }) => object).filter(({ spec }) => spec.group === group);
  }

  /** One at a time for each definition; what changes meanwhile is looked at afterwards. */
  #work(name: string): void {
    if (this.#busy.has(name)) {
      this.#again.add(name);
      return;
    }
    this.#busy.add(name);
    this.#reconcile(name)
      .catch((error: unknown) => {
        if (isReason(error, 'NotFound') || this.#ctx.signal.aborted) return;
        this.#ctx.log.error('custom resource definition not served', { name, error: describeError(error) });
        this.#ctx.clock.setTimer(RETRY_MS, () => this.#work(name));
      })
      .finally(() => {
        this.#busy.delete(name);
        if (this.#again.delete(name)) this.#work(name);
      });
  }

  async #reconcile(name: string): Promise<void> {
    const known = this.#definitions.get(name)?.object;
    if (known === undefined) return;
    if (known.metadata.deletionTimestamp !== undefined) {
      if (known.metadata.finalizers?.includes(CLEANUP_FINALIZER) === true) await this.#cleanUp(known);
      return;
    }
    const status = this.#statusOf(known);
    if (jsonEqual(status, known.status)) return;
    await this.#update(name, (old) => {
      const next = this.#statusOf(old);
      return jsonEqual(next, old.status) ? undefined : { ...old, status: next };
    });
  }

  #statusOf(definition: CustomResourceDefinition): NonNullable<CustomResourceDefinition['status']> {
    const others = this.#ofGroup(definition.spec.group).filter(
      ({ metadata }) => metadata.name !== definition.metadata.name,
    );
    return planStatus(definition, others, this.#ctx.clock.nowMs());
  }

  #update(
    name: string,
    change: (old: CustomResourceDefinition) => CustomResourceDefinition | undefined,
  ): Promise<CustomResourceDefinition> {
    return this.#server.access.update(apiextensionsV1.CustomResourceDefinition, '', name, change, this.#ctx);
  }

  #register(definition: CustomResourceDefinition, revision: number): void {
    const { name } = definition.metadata;
    const { registry } = this.#server;
    const { spec, status } = definition;
    const definitionKey = JSON.stringify([spec, status?.acceptedNames, hasCondition(definition, 'Terminating')]);
    const old = this.#registered.get(name);
    if (old?.definitionKey === definitionKey) return;
    const resources = resourcesOf(definition, this.#metadataType, revision);
    const stored = resources[0];
    invariant(stored !== undefined, 'a definition has a storage version');
    const storageKey = JSON.stringify([stored.id, stored.scope, Object.keys(stored.selectableFields ?? {})]);
    if (old !== undefined && old.storageKey !== storageKey) this.#unregister(name);
    const kept = new Set(resources.map(({ id }) => id.version));
    for (const { id } of old?.resources ?? []) {
      if (!kept.has(id.version)) registry.remove(id.group, id.version, id.plural);
    }
    for (const resource of resources) registry.add(resource);
    this.#registered.set(name, { resources, storageKey, definitionKey });
  }

  #unregister(name: string): void {
    const old = this.#registered.get(name);
    if (old === undefined) return;
    this.#registered.delete(name);
    for (const { id } of old.resources) this.#server.registry.remove(id.group, id.version, id.plural);
  }

  /** Deletes every object, waits until the last is gone, then lets the definition go. */
  async #cleanUp(definition: CustomResourceDefinition): Promise<void> {
    const { name } = definition.metadata;
    const resource = this.#registered.get(name)?.resources[0];
    if (resource !== undefined) {
      const { id, scope } = resource;
      const cache = this.#server.registry.find(id.group, id.version, id.plural)?.storage?.cache;
      invariant(cache !== undefined, 'a registered resource is stored');
      await cache.ready(this.#ctx);
      const kind: KindRef<UnknownObject> = { ...id, namespaced: scope === 'namespaced' };
      await Promise.all(cache.list({}).items.map((item) => this.#deleteOne(kind, item.namespace, item.name)));
      await emptied(cache);
    }
    await this.#update(name, (old) => {
      const conditions = withCondition(
        old.status?.conditions ?? [],
        { type: 'Terminating', status: 'False', reason: 'InstanceDeletionCompleted', message: 'removed all instances' },
        this.#ctx.clock.nowMs(),
      );
      const finalizers = (old.metadata.finalizers ?? []).filter((finalizer) => finalizer !== CLEANUP_FINALIZER);
      return { ...old, metadata: { ...old.metadata, finalizers }, status: { ...old.status, conditions } };
    });
  }

  async #deleteOne(kind: KindRef<UnknownObject>, namespace: string, name: string): Promise<void> {
    try {
      await this.#server.access.delete(kind, namespace, name, {}, this.#ctx);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}

/** Resolves when the cache holds nothing: finalizers may take their time. Rejects never; ends with the cache. */
function emptied(cache: WatchCache): Promise<void> {
  if (cache.size === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = cache.watch(
      { after: 'now' },
      {
        events() {
          if (cache.size > 0) return;
          cancel();
          resolve();
        },
        initialEnd: () => {},
        closed: () => resolve(),
      },
    );
  });
}
