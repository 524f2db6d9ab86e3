/**
 * Serves what CustomResourceDefinitions define, as they come, change and go: accepts their names, registers their
 * resources, deletes the objects of one that is deleted. Sources: apiextensions-apiserver pkg/controller/{status,establish,
 * finalizer} and pkg/apiserver/customresource_handler.go.
 */
import { type ApplyType, apiextensionsV1, ApplySchema, createDecoder, type ReadMetadata } from '@kapella/api';
import type { CustomResourceDefinition } from '@kapella/api/types/apiextensions-v1';
import { type ApiServer, followCache, type ResourceDefinition } from '@kapella/apiserver';
import { type Ctx, describeError, invariant, isReason, jsonEqual } from '@kapella/base';
import type { CacheEvent } from '@kapella/store';
import { CLEANUP_FINALIZER, cleanUp } from './clean-up.ts';
import { type ConversionMetrics, createConversionMetrics } from '../conversion/webhook-converter.ts';
import { resourcesOf } from './definition.ts';
import { hasCondition, planStatus } from './naming.ts';

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

interface Known {
  readonly object: CustomResourceDefinition;
  readonly revision: number;
}

class DefinitionFollower implements CustomResources {
  readonly #server: ApiServer;
  readonly #ctx: Ctx;
  readonly #metadataType: ApplyType;
  readonly #readMetadata: ReadMetadata;
  readonly #conversionMetrics: ConversionMetrics;
  readonly #definitions = new Map<string, Known>();
  /** Statuses written that the cache has not told of yet. */
  readonly #written = new Map<string, Known>();
  readonly #registered = new Map<string, Registered>();
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();
  #accepting: Promise<unknown> = Promise.resolve();
  readonly #stop: () => void;

  constructor(server: ApiServer, ctx: Ctx) {
    this.#server = server;
    this.#ctx = ctx;
    const metadataType = new ApplySchema(server.facts).type('meta/v1.ObjectMeta');
    invariant(metadataType !== undefined, 'there are facts about ObjectMeta');
    this.#metadataType = metadataType;
    const decoder = createDecoder(server.facts);
    this.#readMetadata = (metadata) => decoder.decode(structuredClone(metadata), 'meta/v1.ObjectMeta');
    this.#conversionMetrics = createConversionMetrics(server.metrics);
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
    const changed = new Set<string>();
    for (const { type, object } of events) {
      const { name, revision } = object;
      const old = this.#definitions.get(name)?.object;
      if (type === 'DELETED') this.#definitions.delete(name);
      else this.#definitions.set(name, { object: object.object(), revision });
      const next = this.#definitions.get(name)?.object;
      if (next === undefined || revision >= (this.#written.get(name)?.revision ?? 0)) this.#written.delete(name);
      if (!isTermination(old, next)) changed.add(name);
      if (hasFreedNames(old, next)) for (const other of this.#othersOf(name)) changed.add(other);
    }
    for (const name of changed) this.#changed(name);
  }

  #changed(name: string): void {
    const known = this.#definitions.get(name);
    if (known === undefined) {
      this.#unregister(name);
      return;
    }
    if (hasCondition(known.object, 'Established')) this.#register(known.object, known.revision);
    this.#work(name);
  }

  #othersOf(name: string): string[] {
    const group = name.slice(name.indexOf('.') + 1);
    return this.#ofGroup(group).flatMap(({ metadata }) => (metadata.name === name ? [] : [metadata.name]));
  }

  #ofGroup(group: string): CustomResourceDefinition[] {
    const newest = [...this.#definitions].map(([name, known]) => this.#written.get(name) ?? known);
    return newest.map(({ object }) => object).filter(({ spec }) => spec.group === group);
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
      if (known.metadata.finalizers?.includes(CLEANUP_FINALIZER) === true) {
        await cleanUp(this.#server, known, this.#registered.get(name)?.resources[0], this.#ctx);
      }
      return;
    }
    if (jsonEqual(this.#statusOf(known), known.status)) return;
    // Of two that want one name at the same time the second must see what the first was given.
    const accepted = this.#accepting.then(() => this.#accept(name));
    this.#accepting = accepted.catch(() => undefined);
    await accepted;
  }

  async #accept(name: string): Promise<void> {
    const object = await this.#update(name, (old) => {
      const next = this.#statusOf(old);
      return jsonEqual(next, old.status) ? undefined : { ...old, status: next };
    });
    const revision = Number(object.metadata.resourceVersion);
    const known = this.#definitions.get(name);
    if (known !== undefined && known.revision < revision) this.#written.set(name, { object, revision });
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
    const { access } = this.#server;
    const resources = resourcesOf(definition, {
      metadataType: this.#metadataType,
      readMetadata: this.#readMetadata,
      revision,
      access,
      metrics: this.#conversionMetrics,
    });
    const stored = resources[0];
    invariant(stored !== undefined, 'a definition has a storage version');
    // What others convert by old rules is not served under new ones.
    const storageKey =
      stored.conversion === undefined
        ? JSON.stringify([stored.id, stored.scope, Object.keys(stored.selectableFields ?? {})])
        : definitionKey;
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
}

/** Only what clean-up says of itself differs: it would call itself for ever. */
function isTermination(old: CustomResourceDefinition | undefined, next: CustomResourceDefinition | undefined): boolean {
  if (old?.metadata.deletionTimestamp === undefined || next === undefined) return false;
  const rest = ({ metadata, spec }: CustomResourceDefinition) => [metadata.finalizers, metadata.generation, spec];
  return jsonEqual(rest(old), rest(next));
}

/** Others of the group may wait for a name that this one had. */
function hasFreedNames(old: CustomResourceDefinition | undefined, next: CustomResourceDefinition | undefined): boolean {
  const names = old?.status?.acceptedNames;
  return names !== undefined && !jsonEqual(names, next?.status?.acceptedNames);
}
