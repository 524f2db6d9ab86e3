/** The informers of one process over one client. Source: client-go/informers, controller-runtime pkg/cache. */
import type { KindRef, KubeObject } from '@kapella/api';
import { childCtx, type Ctx } from '@kapella/base';
import type { Cache, Client, Informer, InformerOptions } from '../client.ts';
import { type InformerKeep, SharedInformer } from './informer.ts';
import { createPodKeep, type Keep, withoutManagedFields } from './managed-fields.ts';

export interface CacheOptions {
  /**
   * Objects are kept without metadata.managedFields, and listed Pods share what their template gives them: for who never reads the
   * one nor changes the other. Writing such objects back is safe.
   */
  readonly dropsManagedFields?: boolean;
}

export function createCache(client: Client, options: CacheOptions = {}): Cache {
  return new InformerCache(client, options);
}

interface Entry {
  readonly informer: SharedInformer<KubeObject>;
  readonly stop: AbortController;
}

class InformerCache implements Cache {
  readonly #client: Client;
  /** Of Pods that are listed, and of all else. */
  readonly #keeps: readonly [pods: Keep, others: Keep] | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Set<Promise<void>>();
  #ctx: Ctx | undefined;

  constructor(client: Client, { dropsManagedFields = false }: CacheOptions) {
    this.#client = client;
    this.#keeps = dropsManagedFields ? [createPodKeep(), withoutManagedFields] : undefined;
  }

  informer<T>(kind: KindRef<T>, options: InformerOptions = {}): Informer<T> {
    const id = idOf(kind, options);
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      const informer = new SharedInformer(kind as KindRef<KubeObject>, this.#client, options, this.#keepOf(kind));
      entry = { informer, stop: new AbortController() };
      this.#entries.set(id, entry);
      this.#start(entry);
    }
    return entry.informer as unknown as Informer<T>;
  }

  has(kind: KindRef<unknown>, options: InformerOptions = {}): boolean {
    return this.#entries.has(idOf(kind, options));
  }

  drop(kind: KindRef<unknown>, options: InformerOptions = {}): void {
    const id = idOf(kind, options);
    this.#entries.get(id)?.stop.abort(new Error('informer dropped'));
    this.#entries.delete(id);
  }

  get<T>(kind: KindRef<T>, key: string): T | undefined {
    return this.#ready(kind).get(key);
  }

  list<T>(kind: KindRef<T>, namespace?: string): readonly T[] {
    return this.#ready(kind).list(namespace);
  }

  ownedBy<T>(kind: KindRef<T>, uid: string): readonly T[] {
    return this.#ready(kind).ownedBy(uid);
  }

  async synced(ctx: Ctx): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ informer }) => informer.synced(ctx)));
  }

  async run(ctx: Ctx): Promise<void> {
    this.#ctx = ctx;
    for (const entry of this.#entries.values()) this.#start(entry);
    await new Promise<void>((resolve) => {
      if (ctx.signal.aborted) resolve();
      else ctx.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.all(this.#running);
  }

  #keepOf(kind: KindRef<unknown>): InformerKeep<KubeObject> {
    if (this.#keeps === undefined) return {};
    const [pods, others] = this.#keeps;
    // Sharing parts costs three times as much as decoding a Pod: worth it once, where there are many.
    return { watched: others, listed: kind.group === '' && kind.plural === 'pods' ? pods : others };
  }

  /** An answer from half a list would be wrong: who asks for a kind that was not waited for must try again. */
  #ready<T>(kind: KindRef<T>): Informer<T> {
    const informer = this.informer(kind);
    if (!informer.hasSynced) throw new Error(`the cache of ${kind.plural} has not synced yet`);
    return informer;
  }

  #start({ informer, stop }: Entry): void {
    if (this.#ctx === undefined) return;
    const run = informer.run(childCtx(this.#ctx, stop.signal));
    this.#running.add(run);
    run.finally(() => this.#running.delete(run));
  }
}

function idOf({ group, version, plural }: KindRef<unknown>, options: InformerOptions): string {
  const { fieldSelector = '', labelSelector = '', metadataOnly = false } = options;
  return [group, version, plural, fieldSelector, labelSelector, metadataOnly].join('|');
}
