/** The watch cache's contract: the encoded objects of one resource as of now, their recent history, and its watchers. */
import type { Ctx } from '@kapella/base';

/** One object as it is served. Immutable but for memoised variants. */
export interface CachedObject {
  /** `namespace/name`, or `name` for cluster-scoped resources. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  /** The object's resourceVersion. */
  readonly revision: number;
  readonly createRevision: number;
  /** JSON with metadata.resourceVersion in place; shared, never changed. */
  readonly bytes: Uint8Array;
  /** The same with a newline behind it. */
  readonly line: Uint8Array;
  /** Length of `bytes`, known before they are read. */
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Values of the resource's selectable fields beyond metadata.name and metadata.namespace. */
  readonly fields: Readonly<Record<string, string>>;
  /** The decoded object; decoded anew on each call unless the resource asks to keep it. Read only. */
  object<T>(): T;
  /** Another encoding of the same object (protobuf, another version, a table row), made once and kept beside the JSON. */
  variant<V>(name: string, make: (self: CachedObject) => V): V;
}

export interface CacheQuery {
  readonly namespace?: string;
  readonly name?: string;
  /** undefined matches all. Called with the few decoded parts only. */
  readonly matches?: (object: CachedObject) => boolean;
  /** What `matches` asks for among others: helps to find the objects sooner. */
  readonly exact?: ExactValue;
}

export interface ExactValue {
  readonly of: 'labels' | 'fields';
  readonly name: string;
  readonly value: string;
}

export interface CacheList {
  readonly items: readonly CachedObject[];
  readonly revision: number;
  /** Objects beyond the limit (all of the query's range, selectors not applied, as upstream counts). */
  readonly remaining: number;
  readonly more: boolean;
}

export type WatchType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One change as one watcher is to see it. `object` is the new state; of DELETED the last one at the change's revision. */
export interface CacheEvent {
  readonly type: WatchType;
  readonly object: CachedObject;
  readonly revision: number;
}

export interface CacheSink {
  /** In revision order, each once. Must be quick and not throw. Events are shared by all sinks of equal type. */
  events(events: readonly CacheEvent[]): void;
  /** Called after the initial events, when they were asked for, with the revision they are true at. */
  initialEnd(revision: number): void;
  closed(error: Error | undefined): void;
}

export interface WatchOptions extends CacheQuery {
  /** Deliver changes after this revision; ApiError Expired (thrown) when it has left the window. 'now': only later changes. */
  readonly after: number | 'now';
  /** First deliver the present state as ADDED (resourceVersion absent or "0", or sendInitialEvents). */
  readonly initial?: boolean;
}

export interface WatchCache {
  /** The newest revision this cache has seen: of its resource or of a progress note. */
  readonly revision: number;
  readonly size: number;
  /** Of all objects as JSON. */
  readonly sizeBytes: number;
  get(key: string): CachedObject | undefined;
  /** In key order. `revision` reads the past as long as it is in the window, else throws ApiError Expired. */
  list(
    query: CacheQuery & { readonly revision?: number; readonly limit?: number; readonly startAfter?: string },
  ): CacheList;
  watch(options: WatchOptions, sink: CacheSink): () => void;
  /**
   * Before a list or watch whose query has `matches`: looks into the objects that nobody has looked into yet, little by
   * little. undefined: there are none. A query that did not wait is answered as well, after one long pause.
   */
  digest(namespace: string | undefined, ctx: Ctx): Promise<void> | undefined;
  /** The newest state in the store, whatever the cache has seen; undefined: there is none. */
  read(key: string, ctx: Ctx): Promise<CachedObject | undefined>;
  /** As `list`, from the store: for the past that has left the window. Throws ApiError Expired when it was compacted. */
  listStored(
    query: CacheQuery & { readonly revision?: number; readonly limit?: number; readonly startAfter?: string },
    ctx: Ctx,
  ): Promise<CacheList>;
  /** Resolves when the cache has seen `revision`; rejects with Timeout after 3 s, as upstream words it. */
  waitFor(revision: number, ctx: Ctx): Promise<void>;
  /** Resolves after the first list. */
  ready(ctx: Ctx): Promise<void>;
  /** Resolves at once when the cache is filled; otherwise tries to fill it now and rejects with why that failed. */
  fill(): Promise<void>;
  close(): void;
}

export interface WatchCacheOptions {
  /** Key prefix in the store, ending in `/`: `/registry/pods/`. */
  readonly prefix: string;
  /** The first bytes of every stored value: `{"kind":"Pod","apiVersion":"v1","metadata":{`; the resourceVersion goes behind. */
  readonly head: string;
  readonly namespaced: boolean;
  readonly selectableFields?: Readonly<Record<string, (object: never) => string>>;
  /** Keep decoded objects (small kinds that the server itself reads: namespaces, roles, policies). */
  readonly keepDecoded?: boolean;
  /** How values are read; default JSON.parse. */
  readonly parse?: (text: string) => unknown;
  /** Events of history kept; default 10,000. */
  readonly windowMax?: number;
}
