/** Serves reads and watches of one resource from memory as encoded bytes. Source: apiserver/pkg/storage/cacher. */
import { ApiError, type Ctx, describeError, type Timer } from '@kapella/base';
import type {
  CachedObject,
  CacheList,
  CacheQuery,
  CacheSink,
  WatchCache,
  WatchCacheOptions,
  WatchOptions,
} from '../cached.ts';
import type { KeyValue, Store, StoreEvent } from '../contract.ts';
import { UnreadableError } from '../encryption/encrypted-store.ts';
import { SortedMap } from '../mvcc/sorted-keys.ts';
import { Entry, type EntryKind } from './entry.ts';
import { type Change, History } from './history.ts';
import { createSplicer } from './splice.ts';
import { listStored, type StoredQuery } from './stored-list.ts';
import { Unread } from './unread.ts';
import { ValueIndexes } from './value-index.ts';
import { eventsFor, sees, type Watcher, Watchers } from './watchers.ts';

const WINDOW_MAX_DEFAULT = 10_000;
const WAIT_MS_MAX = 3_000;
const RELOAD_DELAY_MS = 1_000;
/** More would hold up everybody else while they are decoded: such a watcher lists again. */
const STORED_CHANGES_MAX = 1_000;

/** Starts loading at once; `ready` tells when reads are true. Ends with `close` or the context's signal. */
export function createWatchCache(store: Store, options: WatchCacheOptions, ctx: Ctx): WatchCache {
  const cache = new StoreWatchCache(store, options, ctx);
  cache.start();
  return cache;
}

interface Waiter {
  readonly revision: number;
  readonly wake: () => void;
  readonly fail: (error: Error) => void;
}

interface ReadyWaiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

class StoreWatchCache implements WatchCache {
  readonly #store: Store;
  readonly #ctx: Ctx;
  readonly #prefix: string;
  readonly #kind: EntryKind;
  readonly #windowMax: number;
  readonly #entries = new SortedMap<Entry>();
  readonly #watchers = new Watchers();
  #unread = new Unread(this.#entries);
  #indexes = new ValueIndexes(this.#entries);
  #history: History;
  #waiters: Waiter[] = [];
  readonly #readyWaiters = new Set<ReadyWaiter>();
  /** Why the last load failed. */
  #loadError: Error | undefined;
  #revision = 0;
  /** Revision of the list that the cache began with. */
  #loadedAt = 0;
  #isReady = false;
  #bytes = 0;
  #closed = false;
  #loading: Promise<void> | undefined;
  #reload: Timer | undefined;
  #cancelWatch: () => void = () => {};

  constructor(store: Store, options: WatchCacheOptions, ctx: Ctx) {
    this.#store = store;
    this.#ctx = ctx;
    this.#prefix = options.prefix;
    this.#windowMax = options.windowMax ?? WINDOW_MAX_DEFAULT;
    this.#history = new History(this.#windowMax, 0);
    this.#kind = {
      splice: createSplicer(options.head),
      selectableFields: options.selectableFields,
      keepDecoded: options.keepDecoded ?? false,
      parse: options.parse ?? JSON.parse,
    };
    ctx.signal.addEventListener('abort', () => this.close(), { once: true });
  }

  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#entries.size;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  get(key: string): CachedObject | undefined {
    return this.#entries.get(key);
  }

  list(query: CacheQuery & { revision?: number; limit?: number; startAfter?: string }): CacheList {
    const revision = query.revision ?? this.#revision;
    if (revision < this.#history.oldest) throw tooOld(revision, this.#history.oldest);
    const past = revision < this.#revision ? this.#history.undo(revision) : undefined;
    if (past !== undefined && past.size > 0) return this.#listPast(query, revision, past);

    const limit = query.limit ?? Number.POSITIVE_INFINITY;
    const prefix = query.namespace === undefined ? '' : `${query.namespace}/`;
    const items: CachedObject[] = [];
    let remaining = 0;
    const found = query.exact === undefined || !this.#unread.isEmpty ? undefined : this.#indexes.find(query.exact);
    const entries = found ?? this.#entries;
    entries.scan(prefix, query.startAfter === undefined ? prefix : `${query.startAfter}\0`, (_, entry) => {
      if (!sees(query, entry)) return true;
      if (items.length < limit) items.push(entry);
      else remaining++;
      return true;
    });
    return { items, revision, remaining, more: remaining > 0 };
  }

  watch(options: WatchOptions, sink: CacheSink): () => void {
    const { after } = options;
    const isBefore = after !== 'now' && options.initial !== true && after < this.#history.oldest;
    const older = isBefore ? this.#changesInStore(after) : undefined;
    if (isBefore && older === undefined) throw tooOld(after, this.#history.oldest);
    const watcher: Watcher = { query: options, sink };
    if (options.initial === true) {
      const present = this.list({ ...options }).items;
      sink.events(present.map((object) => ({ type: 'ADDED', object, revision: object.revision })));
      sink.initialEnd(this.#revision);
    } else if (after !== 'now') {
      const missed = eventsFor(older ?? this.#history.after(after), options);
      if (missed.length > 0) sink.events(missed);
    }
    this.#watchers.add(watcher);
    return () => {
      if (this.#watchers.remove(watcher)) sink.closed(undefined);
    };
  }

  /** Of before this server began: the store may still have them, so that watches go on over its restart. */
  #changesInStore(after: number): readonly Change[] | undefined {
    const hasDropped = this.#history.oldest > this.#loadedAt;
    if (!this.#isReady || hasDropped) return undefined;
    const missed: StoreEvent[] = [];
    let isComplete = false;
    // A store that still catches up with the list would leave out what is between.
    const note = (revision: number) => {
      isComplete = revision >= this.#loadedAt;
    };
    const cancel = this.#store.watch(this.#prefix, after, {
      events: (events) => missed.push(...events),
      progress: note,
      closed: () => {},
    });
    cancel();
    const isWhole = missed.every(({ value, previous }) => value.length > 0 || previous !== undefined);
    if (!isComplete || !isWhole || missed.length > STORED_CHANGES_MAX) return undefined;
    return missed.map((event) => {
      const key = event.key.slice(this.#prefix.length);
      const previous = event.previous === undefined ? undefined : this.#entryOf(event.previous);
      const next = this.#entryAfter(event, key, previous);
      return { revision: event.revision, key, previous, next, deleted: event.type === 'delete' };
    });
  }

  digest(namespace: string | undefined, ctx: Ctx): Promise<void> | undefined {
    return this.#unread.digest(namespace, ctx);
  }

  async read(key: string, ctx: Ctx): Promise<CachedObject | undefined> {
    const value = await this.#store.get(this.#prefix + key, ctx);
    if (value === undefined) return undefined;
    const cached = this.#entries.get(key);
    return cached?.revision === value.modRevision ? cached : this.#entryOf(value);
  }

  listStored(query: StoredQuery, ctx: Ctx): Promise<CacheList> {
    return listStored(this.#store, this.#prefix, query, (value) => this.#entryOf(value), ctx);
  }

  waitFor(revision: number, ctx: Ctx): Promise<void> {
    if (this.#isReady && this.#revision >= revision) return Promise.resolve();
    this.#store.requestProgress(revision);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        revision,
        wake: () => {
          timer.cancel();
          resolve();
        },
        fail: (error) => {
          timer.cancel();
          reject(error);
        },
      };
      const timer = ctx.clock.setTimer(WAIT_MS_MAX, () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(tooNew(revision, this.#revision));
      });
      this.#waiters.push(waiter);
    });
  }

  ready(ctx: Ctx): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    if (this.#loadError !== undefined) return Promise.reject(this.#loadError);
    return new Promise((resolve, reject) => {
      const waiter: ReadyWaiter = { resolve, reject };
      this.#readyWaiters.add(waiter);
      ctx.signal.addEventListener('abort', () => this.#readyWaiters.delete(waiter) && reject(ctx.signal.reason), {
        once: true,
      });
    });
  }

  /** Those that wait for the first list. It may take long in a store that is far away. */
  #settleReady(error: Error | undefined): void {
    this.#loadError = error;
    const waiters = [...this.#readyWaiters];
    this.#readyWaiters.clear();
    for (const { resolve, reject } of waiters) {
      if (error === undefined) resolve();
      else reject(error);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reload?.cancel();
    this.#cancelWatch();
    this.#watchers.closeAll(undefined);
    this.#settleReady(new ApiError('ServiceUnavailable', 'the server is shutting down'));
  }

  async fill(): Promise<void> {
    if (!this.#isReady) await this.#loadOnce();
  }

  start(): void {
    this.#loadOnce().catch((error) => {
      if (this.#closed || this.#reload !== undefined) return;
      this.#ctx.log.error('watch cache load failed', { prefix: this.#prefix, error: describeError(error) });
      this.#failWaiters(error as Error);
      this.#reload = this.#ctx.clock.setTimer(RELOAD_DELAY_MS, () => {
        this.#reload = undefined;
        if (!this.#isReady) this.start();
      });
    });
  }

  /** Whoever waits for a state of the store is told; whoever waits for the first load goes on waiting where it may help. */
  #failWaiters(error: Error): void {
    if (error instanceof UnreadableError) this.#settleReady(error);
    const failed = this.#waiters.filter(({ revision }) => revision > 0);
    this.#waiters = this.#waiters.filter(({ revision }) => revision === 0);
    for (const waiter of failed) waiter.fail(error);
  }

  #loadOnce(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const { items, revision } = await this.#store.list(this.#prefix, { lazy: true }, this.#ctx);
    if (this.#closed) return;
    this.#entries.clear();
    this.#bytes = 0;
    this.#history = new History(this.#windowMax, revision);
    this.#loadedAt = revision;
    this.#unread = new Unread(this.#entries);
    this.#indexes = new ValueIndexes(this.#entries);
    let areRead = true;
    for (const item of items) {
      const entry = this.#entryOf(item);
      this.#entries.add(entry.key, entry);
      this.#bytes += entry.sizeBytes;
      areRead &&= entry.isDigested;
    }
    if (areRead) this.#unread.settle();
    this.#isReady = true;
    this.#settleReady(undefined);
    this.#progress(revision);
    this.#cancelWatch = this.#store.watch(this.#prefix, revision, {
      events: (events) => this.#apply(events),
      progress: (to) => this.#progress(to),
      closed: (error) => this.#lost(error),
    });
  }

  #entryOf(item: KeyValue): Entry {
    return Entry.reading(this.#kind, item.key.slice(this.#prefix.length), item);
  }

  #apply(events: readonly StoreEvent[]): void {
    const changes: Change[] = [];
    for (const event of events) {
      const key = event.key.slice(this.#prefix.length);
      const deleted = event.type === 'delete';
      const previous = this.#entries.get(key);
      previous?.load(); // soon the store may have it no more, and the past is read from here
      const next = this.#entryAfter(event, key, previous);
      const change: Change = { revision: event.revision, key, previous, next, deleted };
      if (deleted) this.#entries.delete(key);
      else this.#entries.set(key, next);
      this.#indexes.change(previous, deleted ? undefined : next);
      this.#bytes += (deleted ? 0 : next.bytes.length) - (previous?.bytes.length ?? 0);
      this.#history.add(change);
      changes.push(change);
    }
    this.#revision = Math.max(this.#revision, events.at(-1)?.revision ?? 0);
    this.#watchers.dispatch(changes);
  }

  #entryAfter(event: StoreEvent, key: string, previous: Entry | undefined): Entry {
    // A store may have compacted the last value away before it could tell of the deletion.
    if (event.type === 'delete' && previous !== undefined) return previous.at(event.revision);
    return Entry.of(this.#kind, key, event.value, event.revision, event.createRevision, event.attachment);
  }

  #progress(revision: number): void {
    if (revision > this.#revision) this.#revision = revision;
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter((waiter) => waiter.revision <= this.#revision);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > this.#revision);
    for (const waiter of due) waiter.wake();
  }

  /** The store's watch broke: watchers must list again, and so must the cache. */
  #lost(error: Error | undefined): void {
    if (this.#closed || error === undefined) return;
    this.#isReady = false;
    this.#watchers.closeAll(tooOld(this.#revision, this.#revision));
    this.start();
  }

  /** The list as it was: the present with every later change undone. */
  #listPast(
    query: CacheQuery & { limit?: number; startAfter?: string },
    revision: number,
    past: ReadonlyMap<string, Entry | undefined>,
  ): CacheList {
    const limit = query.limit ?? Number.POSITIVE_INFINITY;
    const found: Entry[] = [];
    const consider = (entry: Entry) => {
      const isBehind = query.startAfter === undefined || entry.key > query.startAfter;
      if (isBehind && sees(query, entry)) found.push(entry);
    };
    const prefix = query.namespace === undefined ? '' : `${query.namespace}/`;
    this.#entries.scan(prefix, prefix, (key, entry) => {
      if (!past.has(key)) consider(entry);
      return true;
    });
    for (const entry of past.values()) if (entry !== undefined) consider(entry);
    found.sort((a, b) => (a.key < b.key ? -1 : 1));
    const items = found.slice(0, limit);
    return { items, revision, remaining: found.length - items.length, more: found.length > items.length };
  }
}

/** Wording that client-go shows to its users. */
function tooOld(revision: number, oldest: number): ApiError {
  return new ApiError('Expired', `too old resource version: ${revision} (${oldest})`);
}

function tooNew(revision: number, current: number): ApiError {
  return new ApiError('Timeout', `Timeout: Too large resource version: ${revision}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
