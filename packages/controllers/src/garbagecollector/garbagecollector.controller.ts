/** Deletes what nobody owns any more; foreground and orphan deletion. Source: kubernetes pkg/controller/garbagecollector. */
import { apiVersionOf, type KindRef, type OwnerReference } from '@kapella/api';
import { childCtx, type Ctx, describeError, isReason, sleep } from '@kapella/base';
import { createWorkQueue, type WorkQueue } from '@kapella/client';
import type { Controller, ControllerDeps } from '@kapella/controller';
import { AbsentOwners, checkNode, type CollectorParts, orphanDependents } from './collect.ts';
import { type DiscoveredKind, discover } from './discovery.ts';
import { OwnerGraph, type OwnerNode } from './graph.ts';
import { LiveObjects, UnknownKindError } from './live-objects.ts';
import { watchKind } from './watch-kind.ts';

const WORKERS = 20;
/** New kinds are learnt of at once where a CustomResourceDefinition tells, else so often. */
const REFRESH_MS = 30_000;
const REFRESH_SOON_MS = 250;
/** A kind that cannot be listed must not stop the collection of all others for longer. */
const FIRST_SYNC_MS_MAX = 30_000;
const ORPHAN_PREFIX = 'orphan/';
const IGNORED_KINDS: ReadonlySet<string> = new Set(['/events', 'events.k8s.io/events']);
const REVEALING_KINDS: ReadonlySet<string> = new Set(['CustomResourceDefinition', 'APIService']);

export function createGarbageCollectorController(deps: ControllerDeps): Controller {
  return {
    name: 'garbage-collector-controller',
    reads: [],
    run: (_runtime, ctx) =>
      new Collector(deps, childCtx(ctx, ctx.signal, { controller: 'garbage-collector-controller' })).run(),
  };
}

interface Source {
  readonly kind: KindRef;
  readonly stop: AbortController;
  isSynced: boolean;
}

class Collector {
  readonly #deps: ControllerDeps;
  readonly #ctx: Ctx;
  readonly #queue: WorkQueue;
  readonly #parts: CollectorParts;
  readonly #sources = new Map<string, Source>();
  readonly #running = new Set<Promise<void>>();
  #refreshSoon: (() => void) | undefined;
  #onSynced: (() => void) | undefined;

  constructor(deps: ControllerDeps, ctx: Ctx) {
    this.#deps = deps;
    this.#ctx = ctx;
    this.#queue = createWorkQueue(ctx.clock);
    const absent = new AbsentOwners();
    const check = (node: OwnerNode) => this.#queue.add(node.identity.uid);
    const graph = new OwnerGraph({
      check,
      checkLater: (node) => this.#queue.addRateLimited(node.identity.uid),
      orphan: (node) => this.#queue.add(ORPHAN_PREFIX + node.identity.uid),
      absent: (identity) => absent.add(identity),
      invalidNamespace: (node, reference) => this.#reportInvalid(node, reference),
    });
    this.#parts = { graph, live: new LiveObjects(deps.client), absent, check };
  }

  async run(): Promise<void> {
    const ctx = this.#ctx;
    ctx.signal.addEventListener('abort', () => this.#queue.shutDown(), { once: true });
    const refreshing = this.#refreshLoop();
    await this.#firstSync();
    const workers = ctx.signal.aborted ? [] : Array.from({ length: WORKERS }, () => this.#work());
    await Promise.all([refreshing, ...workers]);
    await Promise.all(this.#running);
  }

  /** Waits until every kind has been listed once; goes on without the slow ones after a while. */
  async #firstSync(): Promise<void> {
    const stop = new AbortController();
    const waiting = childCtx(this.#ctx, stop.signal);
    const synced = new Promise<void>((resolve) => {
      this.#onSynced = () => {
        if (this.#sources.size > 0 && [...this.#sources.values()].every((source) => source.isSynced)) resolve();
      };
    });
    await Promise.race([synced, sleep(FIRST_SYNC_MS_MAX, waiting).catch(() => {})]);
    stop.abort();
    this.#onSynced = undefined;
    const missing = [...this.#sources.values()]
      .filter((source) => !source.isSynced)
      .map((source) => source.kind.plural);
    if (missing.length > 0 && !this.#ctx.signal.aborted)
      this.#ctx.log.warn('collecting before all kinds are listed', { missing });
  }

  async #refreshLoop(): Promise<void> {
    const ctx = this.#ctx;
    while (!ctx.signal.aborted) {
      const stop = new AbortController();
      const asked = new Promise<void>((resolve) => (this.#refreshSoon = resolve));
      try {
        await this.#refresh();
      } catch (error) {
        if (!ctx.signal.aborted) ctx.log.warn('discovery failed', { cause: describeError(error) });
      }
      const idle = childCtx(ctx, stop.signal);
      // A definition is announced before its kind is served.
      const soon = asked.then(() => sleep(REFRESH_SOON_MS, idle)).catch(() => {});
      const ms = this.#sources.size === 0 ? REFRESH_SOON_MS : REFRESH_MS;
      await Promise.race([soon, sleep(ms, idle).catch(() => {})]);
      stop.abort();
    }
  }

  async #refresh(): Promise<void> {
    const { all, preferred, failed } = await discover(this.#deps.client, this.#ctx);
    this.#parts.live.setKinds(all);
    const wanted = new Map<string, DiscoveredKind>();
    for (const kind of preferred) {
      const isWatchable = ['delete', 'list', 'watch'].every((verb) => kind.verbs.includes(verb));
      if (isWatchable && !IGNORED_KINDS.has(`${kind.group}/${kind.plural}`)) wanted.set(idOf(kind), kind);
    }
    for (const [id, source] of this.#sources) {
      // A group that does not answer has not lost its kinds.
      if (!wanted.has(id) && !failed.has(apiVersionOf(source.kind))) this.#stop(id, source);
    }
    for (const [id, kind] of wanted) if (!this.#sources.has(id)) this.#start(id, kind);
    this.#onSynced?.();
  }

  #start(id: string, kind: KindRef): void {
    const { graph } = this.#parts;
    const source: Source = { kind, stop: new AbortController(), isSynced: false };
    this.#sources.set(id, source);
    const reveals = REVEALING_KINDS.has(kind.kind);
    const sink = {
      observe: (metadata: Parameters<OwnerGraph['observe']>[1]) => {
        graph.observe(kind, metadata);
        if (reveals) this.#refreshSoon?.();
      },
      removed: (uid: string) => {
        graph.removed(uid);
        if (reveals) this.#refreshSoon?.();
      },
      listed: (uids: ReadonlySet<string>) => {
        for (const uid of graph.uidsOf(kind)) if (!uids.has(uid)) graph.removed(uid);
      },
      synced: () => {
        source.isSynced = true;
        this.#onSynced?.();
      },
    };
    const ctx = childCtx(this.#ctx, source.stop.signal);
    const run = watchKind(kind, this.#deps.client, this.#deps.cache, sink, ctx);
    this.#running.add(run);
    run.finally(() => this.#running.delete(run));
  }

  #stop(id: string, { kind, stop }: Source): void {
    stop.abort();
    this.#sources.delete(id);
    for (const uid of this.#parts.graph.uidsOf(kind)) this.#parts.graph.unwatched(uid);
  }

  async #work(): Promise<void> {
    const queue = this.#queue;
    for (;;) {
      const key = await queue.next();
      if (key === undefined) return;
      try {
        if (await this.#handle(key)) queue.addRateLimited(key);
        else queue.forget(key);
      } catch (error) {
        if (!this.#ctx.signal.aborted) this.#retry(key, error);
      } finally {
        queue.done(key);
      }
    }
  }

  async #handle(key: string): Promise<boolean> {
    const isOrphaning = key.startsWith(ORPHAN_PREFIX);
    const node = this.#parts.graph.get(isOrphaning ? key.slice(ORPHAN_PREFIX.length) : key);
    if (node === undefined) return false;
    if (!isOrphaning) return checkNode(this.#parts, node, this.#ctx);
    await orphanDependents(this.#parts, node, this.#ctx);
    return false;
  }

  #retry(key: string, error: unknown): void {
    const isExpected = error instanceof UnknownKindError || isReason(error, 'Conflict');
    if (error instanceof UnknownKindError) this.#refreshSoon?.();
    this.#ctx.log[isExpected ? 'debug' : 'warn']('collection failed', { key, cause: describeError(error) });
    this.#queue.addRateLimited(key);
  }

  #reportInvalid(node: OwnerNode, { apiVersion, kind, name, uid }: OwnerReference): void {
    const { namespace } = node.identity;
    const about = {
      apiVersion: node.identity.apiVersion,
      kind: node.identity.kind,
      metadata: { namespace, name: node.identity.name, uid: node.identity.uid },
    };
    const reference = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
    const why = `ownerRef ${reference} does not exist in namespace ${JSON.stringify(namespace)}`;
    this.#deps.events.event(about, 'Warning', 'OwnerRefInvalidNamespace', why);
  }
}

const idOf = (kind: KindRef) => `${apiVersionOf(kind)}|${kind.plural}`;
