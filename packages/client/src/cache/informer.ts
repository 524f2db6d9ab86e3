/** One kind's objects kept by list and watch. Source: client-go/tools/cache/reflector.go, shared_informer.go. */
import { type KindRef, type KubeObject, keyOf } from '@kapella/api';
import { type Ctx, describeError, isReason, jitter, sleep } from '@kapella/base';
import type { Client, Informer, InformerHandler, InformerOptions, WatchEvent } from '../client.ts';
import { IndexStore } from './index-store.ts';

const BACKOFF_MIN_MS = 800;
const BACKOFF_MAX_MS = 30_000;
const BACKOFF_FACTOR = 2;
/** A watch that lived this long starts the back-off anew. */
const BACKOFF_RESET_MS = 120_000;
const WATCH_MIN_SECONDS = 300;
const WATCH_SHORT_MS = 1_000;

/** What of an object is kept and shown to handlers; absent: all. */
export interface InformerKeep<T> {
  /** Of one that comes by watch. */
  readonly watched?: (object: T) => T;
  /** Of one that comes by list, with many others. */
  readonly listed?: (object: T) => T;
}

export class SharedInformer<T extends KubeObject> implements Informer<T> {
  readonly kind: KindRef<T>;
  readonly #client: Client;
  readonly #options: InformerOptions;
  readonly #keep: InformerKeep<T>;
  readonly #store = new IndexStore<T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  #resourceVersion = '';
  #synced = false;
  #waiting: (() => void)[] = [];

  constructor(kind: KindRef<T>, client: Client, options: InformerOptions, keep: InformerKeep<T> = {}) {
    this.kind = kind;
    this.#client = client;
    this.#options = options;
    this.#keep = keep;
  }

  get hasSynced(): boolean {
    return this.#synced;
  }

  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  list(namespace?: string): readonly T[] {
    return namespace === undefined || namespace === '' ? this.#store.all() : this.#store.by('namespace', namespace);
  }

  ownedBy(uid: string): readonly T[] {
    return this.#store.by('owner', uid);
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.#store.by(index, value);
  }

  addIndex(index: string, valuesOf: (object: T) => readonly string[]): void {
    this.#store.addIndex(index, valuesOf);
  }

  subscribe(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#store.all()) handler.add?.(object);
    return () => this.#handlers.delete(handler);
  }

  synced(ctx: Ctx): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (ctx.signal.aborted) return reject(ctx.signal.reason);
      const onAbort = () => reject(ctx.signal.reason);
      ctx.signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(() => {
        ctx.signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  /** Lists, watches, and begins again, until ctx aborts. Settles then without an error. */
  async run(ctx: Ctx): Promise<void> {
    let backoffMs = BACKOFF_MIN_MS;
    while (!ctx.signal.aborted) {
      const startedMs = ctx.clock.monotonicMs();
      const failed = await this.#listAndWatch(ctx);
      const tookMs = ctx.clock.monotonicMs() - startedMs;
      // A server that ends watches at once must not be asked in a tight loop.
      if (!failed && tookMs >= WATCH_SHORT_MS) continue;
      if (tookMs >= BACKOFF_RESET_MS) backoffMs = BACKOFF_MIN_MS;
      await sleep(jitter(backoffMs, 1, ctx.random), ctx).catch(() => {}); // aborted: the loop ends
      backoffMs = Math.min(backoffMs * BACKOFF_FACTOR, BACKOFF_MAX_MS);
    }
  }

  /** True when it failed; the one place that tells why. */
  async #listAndWatch(ctx: Ctx): Promise<boolean> {
    try {
      if (this.#resourceVersion === '') await this.#list(ctx);
      await this.#watch(ctx);
      return false;
    } catch (error) {
      if (ctx.signal.aborted) return true;
      const expired = isReason(error, 'Expired', 'Gone');
      if (expired) this.#resourceVersion = '';
      const fields = { kind: this.kind.plural, cause: describeError(error) };
      if (expired) ctx.log.debug('watch expired, listing again', fields);
      else ctx.log.warn('list and watch failed', fields);
      return true;
    }
  }

  async #list(ctx: Ctx): Promise<void> {
    const page = await this.#client.list(this.kind, this.#options, ctx, this.#keep.listed);
    const seen = new Set<string>();
    for (const object of page.items) {
      seen.add(keyOf(object));
      this.#put(object);
    }
    for (const key of [...this.#store.keys()]) if (!seen.has(key)) this.#remove(key);
    this.#resourceVersion = page.metadata.resourceVersion ?? '';
    if (this.#synced) return;
    this.#synced = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #watch(ctx: Ctx): Promise<void> {
    const options = {
      ...this.#options,
      resourceVersion: this.#resourceVersion,
      allowBookmarks: true,
      // Spread, so that the watches of a restarted server do not all end together.
      timeoutSeconds: Math.round(jitter(WATCH_MIN_SECONDS, 1, ctx.random)),
    };
    await this.#client.watch(this.kind, options, (event) => this.#apply(event), ctx);
  }

  #apply({ type, object }: WatchEvent<T>): void {
    this.#resourceVersion = object.metadata.resourceVersion;
    const kept = this.#keep.watched?.(object) ?? object;
    if (type === 'ADDED' || type === 'MODIFIED') this.#put(kept);
    // The last state, as the event has it, is what handlers must see.
    else if (type === 'DELETED') this.#remove(keyOf(kept), kept);
  }

  #put(object: T): void {
    const key = keyOf(object);
    const present = this.#store.get(key);
    if (present !== undefined && present.metadata.resourceVersion === object.metadata.resourceVersion) return;
    const replaced = present !== undefined && present.metadata.uid !== object.metadata.uid;
    // Another object under the same name: whoever counts objects must see the first one go.
    if (replaced) this.#remove(key);
    const old = this.#store.set(object);
    for (const handler of this.#handlers) {
      if (old === undefined) handler.add?.(object);
      else handler.update?.(object, old);
    }
  }

  #remove(key: string, last?: T): void {
    const old = this.#store.delete(key);
    if (old === undefined) return;
    for (const handler of this.#handlers) handler.delete?.(last ?? old);
  }
}
