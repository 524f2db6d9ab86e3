/** All resources that are served now, by group, version and plural. Custom resources come and go. */
import { apiVersionOf, type BuiltInTypeFacts, createProtobufCodec, type ProtobufCodec } from '@kapella/api';
import { type Ctx, parseExactJson } from '@kapella/base';
import { ApiError, describeError } from '@kapella/base';
import { type Store, UnreadableError } from '@kapella/store';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { measuredStore } from '../metrics/store-metrics.ts';
import { createForeignStore, createTranslator } from './foreign-store.ts';
import { type AnyDefinition, createResourceType, type ResourceType } from './resource-type.ts';
import { createStorage, type Storage } from './storage.ts';
import { storagePrefix } from './storage-prefix.ts';

export interface Registry {
  find(group: string, version: string, plural: string): ResourceType | undefined;
  /** By kind, any version when `version` is undefined. */
  findKind(group: string, version: string | undefined, kind: string): ResourceType | undefined;
  /** In the order they were added. */
  all(): readonly ResourceType[];
  /** All served versions of what one storage holds. */
  versionsOf(storage: Storage): readonly ResourceType[];
  hasGroupVersion(group: string, version: string): boolean;
  add(definition: AnyDefinition): ResourceType;
  remove(group: string, version: string, plural: string): void;
  /** Grows with each change: caches of discovery and OpenAPI are valid for one generation. */
  readonly generation: number;
  /** Resolves when every cache has been loaded. */
  ready(ctx: Ctx): Promise<void>;
  close(): void;
}

/** The store of one resource's objects: the given one, or one that transforms its values. */
export type StoreFor = (group: string, plural: string) => Store;

/** `metrics`: where the store's times are told, by resource. */
export function createRegistry(
  storeFor: StoreFor,
  facts: BuiltInTypeFacts,
  metrics: MetricsRegistry,
  ctx: Ctx,
): Registry {
  return new StoreRegistry(storeFor, facts, metrics, ctx);
}

class StoreRegistry implements Registry {
  readonly #storeFor: StoreFor;
  readonly #facts: BuiltInTypeFacts;
  #codec: ProtobufCodec | undefined;
  readonly #metrics: MetricsRegistry;
  readonly #ctx: Ctx;
  readonly #byGroupVersion = new Map<string, Map<string, ResourceType>>();
  readonly #storages = new Map<string, Storage>();
  readonly #byStorage = new Map<Storage, readonly ResourceType[]>();
  #all: ResourceType[] = [];
  generation = 0;

  constructor(storeFor: StoreFor, facts: BuiltInTypeFacts, metrics: MetricsRegistry, ctx: Ctx) {
    this.#storeFor = storeFor;
    this.#facts = facts;
    this.#metrics = metrics;
    this.#ctx = ctx;
  }

  find(group: string, version: string, plural: string): ResourceType | undefined {
    return this.#byGroupVersion.get(`${group}/${version}`)?.get(plural);
  }

  findKind(group: string, version: string | undefined, kind: string): ResourceType | undefined {
    return this.#all.find(
      (type) => type.kind === kind && type.group === group && (version === undefined || type.version === version),
    );
  }

  all(): readonly ResourceType[] {
    return this.#all;
  }

  versionsOf(storage: Storage): readonly ResourceType[] {
    return this.#byStorage.get(storage) ?? [];
  }

  hasGroupVersion(group: string, version: string): boolean {
    return (this.#byGroupVersion.get(`${group}/${version}`)?.size ?? 0) > 0;
  }

  add(definition: AnyDefinition): ResourceType {
    const { id } = definition;
    const typeId = this.#facts.typeIdOf(id);
    const type = createResourceType(definition, typeId, this.#storageOf(definition));
    const key = `${id.group}/${id.version}`;
    let byPlural = this.#byGroupVersion.get(key);
    if (byPlural === undefined) {
      byPlural = new Map();
      this.#byGroupVersion.set(key, byPlural);
    }
    const replaced = byPlural.get(id.plural);
    byPlural.set(id.plural, type);
    this.#all = [...this.#all.filter((other) => other !== replaced), type];
    this.#groupByStorage(type.storage);
    this.generation++;
    return type;
  }

  remove(group: string, version: string, plural: string): void {
    const type = this.find(group, version, plural);
    if (type === undefined) return;
    this.#byGroupVersion.get(`${group}/${version}`)?.delete(plural);
    this.#all = this.#all.filter((other) => other !== type);
    this.#groupByStorage(type.storage);
    this.generation++;
    const stillUsed = this.#all.some((other) => other.storage === type.storage);
    if (stillUsed || type.storage === undefined) return;
    this.#byStorage.delete(type.storage);
    type.storage.close();
    for (const [key, storage] of this.#storages) if (storage === type.storage) this.#storages.delete(key);
  }

  #groupByStorage(storage: Storage | undefined): void {
    if (storage === undefined) return;
    // Versions that others convert have a storage each over the same values.
    const versions = this.#all.filter((type) => type.storage?.prefix === storage.prefix);
    for (const { storage: each } of versions) if (each !== undefined) this.#byStorage.set(each, versions);
    this.#byStorage.set(storage, versions);
  }

  async ready(ctx: Ctx): Promise<void> {
    const own = [...this.#storages.values()].filter(({ converts }) => !converts);
    await Promise.all(
      own.map(async ({ prefix, cache }) => {
        try {
          await cache.ready(ctx);
        } catch (error) {
          // Who asks for these objects is told why they cannot be read; the others are served.
          if (!(error instanceof UnreadableError)) throw error;
          ctx.log.error('stored objects cannot be decrypted', { prefix, error: describeError(error) });
        }
      }),
    );
  }

  close(): void {
    for (const storage of this.#storages.values()) storage.close();
  }

  /** The storage version's definition decides what can be selected: it is added before the versions stored as it. */
  #storageOf(definition: AnyDefinition): Storage | undefined {
    if (definition.virtual !== undefined || definition.computed !== undefined) return undefined;
    const { id, storedAs, conversion } = definition;
    const group = storedAs?.group ?? id.group;
    const version = storedAs?.version ?? id.version;
    const prefix = storagePrefix(group, id.plural, this.#facts.typeIdOf(id) !== undefined);
    const key = conversion === undefined ? prefix : `${prefix}${version}`;
    const known = this.#storages.get(key);
    if (known !== undefined) return known;
    if (storedAs !== undefined) {
      throw new ApiError('InternalError', `${id.plural}: the storage version ${group}/${version} must be added first`);
    }
    const storage = createStorage(
      this.#readable(measuredStore(this.#storeFor(group, id.plural), group, id.plural, this.#metrics), definition),
      {
        group,
        version,
        kind: id.kind,
        prefix,
        namespaced: definition.scope === 'namespaced',
        ...(definition.selectableFields === undefined ? {} : { selectableFields: definition.selectableFields }),
        ...(definition.keepDecoded === undefined ? {} : { keepDecoded: definition.keepDecoded }),
        ...(this.#facts.typeIdOf(id) === undefined ? { parse: parseExactJson } : {}),
        ...(conversion === undefined
          ? {}
          : {
              conversion: {
                storageApiVersion: apiVersionOf({ group, version: conversion.storageVersion }),
                convert: conversion.convert,
              },
            }),
      },
      this.#ctx,
    );
    this.#storages.set(key, storage);
    return storage;
  }

  /** What is not this process's alone may have been written by upstream. */
  #readable(store: Store, { id, withDefaults, fromOlder }: AnyDefinition): Store {
    if (store.embedded) return store;
    this.#codec ??= createProtobufCodec(this.#facts);
    const isBuiltIn = this.#facts.typeIdOf(id) !== undefined;
    const apiVersion = apiVersionOf(id);
    const kind = `{"kind":${JSON.stringify(id.kind)},`;
    const parts = {
      ...{ codec: this.#codec, facts: this.#facts },
      ...(isBuiltIn ? { apiVersion, start: `${kind}"apiVersion":${JSON.stringify(apiVersion)},` } : { start: kind }),
      ...(withDefaults === undefined ? {} : { withDefaults }),
      ...(fromOlder === undefined ? {} : { fromOlder }),
    };
    return createForeignStore(store, createTranslator(parts));
  }
}
