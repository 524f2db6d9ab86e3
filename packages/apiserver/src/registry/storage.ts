/** Where the objects of one kind are kept: a prefix of the store and the watch cache over it, shared by its versions. */
import type { UnknownObject } from '@kapella/api';
import { apiVersionOf } from '@kapella/api';
import { type Ctx, stringifyExactJson } from '@kapella/base';
import {
  type CachedObject,
  createSplicer,
  createWatchCache,
  type KeyValue,
  type Store,
  type WatchCache,
} from '@kapella/store';
import { withNewline } from '../respond/parts.ts';
import { type ConvertingOptions, createConvertingStore } from './converting-store.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface StorageOptions {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** `/registry/pods/` */
  readonly prefix: string;
  readonly namespaced: boolean;
  readonly selectableFields?: Readonly<Record<string, (object: never) => string>>;
  readonly keepDecoded?: boolean;
  /** How stored text is read; default JSON.parse. */
  readonly parse?: (text: string) => unknown;
  /** Another program converts the versions of this kind: what is stored in others is brought to this one when read. */
  readonly conversion?: Omit<ConvertingOptions, 'apiVersion'>;
}

/** One stored object as a write sees it. */
export interface Stored {
  readonly object: UnknownObject;
  readonly revision: number;
  readonly bytes: Uint8Array;
  /** Another server may have written since: no verdict on it is final. */
  readonly mayBeOld: boolean;
}

export interface Storage {
  readonly group: string;
  readonly version: string;
  readonly prefix: string;
  /** Begins to fill when it is first asked for. */
  readonly cache: WatchCache;
  /** Where this storage reads and writes: the server's store, or a view of it in this version. */
  readonly store: Store;
  /** The cache may be behind the store, and reads may fail, whatever the store is: others convert. */
  readonly converts: boolean;
  /** Ends the cache, where there is one. */
  close(): void;
  /** Bytes as they are stored: without resourceVersion. */
  encode(object: UnknownObject): Uint8Array;
  /** Stored text, or what was made of it, as a value. */
  parse(text: string): unknown;
  /** With resourceVersion in place. */
  decode(value: KeyValue): UnknownObject;
  /** Puts the resourceVersion into stored bytes. */
  splice(value: Uint8Array, revision: number): Uint8Array;
}

export function createStorage(base: Store, options: StorageOptions, ctx: Ctx): Storage {
  const { group, version, kind, prefix, conversion, parse = JSON.parse } = options;
  const apiVersion = apiVersionOf(options);
  const head = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":{`;
  const store = conversion === undefined ? base : createConvertingStore(base, { ...conversion, apiVersion }, ctx);
  const cacheOptions = {
    prefix,
    head,
    namespaced: options.namespaced,
    ...(options.selectableFields === undefined ? {} : { selectableFields: options.selectableFields }),
    ...(options.keepDecoded === undefined ? {} : { keepDecoded: options.keepDecoded }),
    ...(options.parse === undefined ? {} : { parse: options.parse }),
  };
  const begin = () => createWatchCache(store, cacheOptions, ctx);
  // Nobody is asked to convert what nobody reads.
  let cache = conversion === undefined ? begin() : undefined;
  const splice = createSplicer(head);
  return {
    group,
    version,
    prefix,
    store,
    converts: conversion !== undefined,
    get cache() {
      cache ??= begin();
      return cache;
    },
    close: () => cache?.close(),
    splice,
    encode({ kind: _kind, apiVersion: _apiVersion, metadata, ...rest }) {
      const { resourceVersion: _resourceVersion, ...meta } = metadata;
      return encoder.encode(stringifyExactJson({ kind, apiVersion, metadata: meta, ...rest }));
    },
    parse,
    decode: (value) => parse(decoder.decode(splice(value.value, value.modRevision))) as UnknownObject,
  };
}

/** An object that is not in the cache (a dry run, a past state) in the shape of one that is. */
export function detached(object: UnknownObject, bytes: Uint8Array, revision: number): CachedObject {
  const { namespace = '', name } = object.metadata;
  const variants = new Map<string, unknown>();
  const self: CachedObject = {
    key: namespace === '' ? name : `${namespace}/${name}`,
    namespace,
    name,
    revision,
    createRevision: 0,
    bytes,
    sizeBytes: bytes.length,
    get line() {
      return withNewline(bytes);
    },
    labels: object.metadata.labels ?? {},
    fields: {},
    object: <T>() => object as T,
    variant<V>(variantName: string, make: (of: CachedObject) => V): V {
      if (!variants.has(variantName)) variants.set(variantName, make(self));
      return variants.get(variantName) as V;
    },
  };
  return self;
}
