/** The loop around a reconciler: informers to keys, keys to workers. Source: controller-runtime pkg/internal/controller. */
import { type KindRef, type KubeObject, keyOf, type OwnerReference } from '@kapella/api';
import { childCtx, type Ctx, describeError, isReason, sleep } from '@kapella/base';
import { type Cache, createQueueMeter, createWorkQueue, type InformerHandler, type WorkQueue } from '@kapella/client';
import {
  type Controller,
  type ControllerHooks,
  type ControllerRuntime,
  type ControllerSpec,
  TerminalError,
  type WatchSource,
} from './controller.ts';
import { controllerOf, refersTo } from './owners.ts';

/** Of what kind the primary is does not matter to the loop. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnySpec = ControllerSpec<any>;
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnySource = WatchSource<any>;
type AnyKind = KindRef<KubeObject>;

const BACKGROUND_RETRY_MS = 5_000;

export function defineController<T>(spec: ControllerSpec<T>): Controller {
  const kinds = [
    spec.primary,
    ...(spec.owns ?? []),
    ...(spec.watches ?? []).map((watch) => watch.kind),
    ...(spec.reads ?? []),
  ];
  const reads = [...new Map(kinds.map((kind) => [`${kind.group}/${kind.version}/${kind.plural}`, kind])).values()];
  return {
    name: spec.name,
    reads: reads as KindRef<unknown>[],
    run: (runtime, ctx) => runController(spec, reads, runtime, childCtx(ctx, ctx.signal, { controller: spec.name })),
  };
}

async function runController(
  spec: AnySpec,
  reads: readonly AnyKind[],
  { cache, hooks = {}, concurrencyOf, metrics, queueNameOf = (name) => name }: ControllerRuntime,
  ctx: Ctx,
): Promise<void> {
  const informers = reads.map((kind) => cache.informer(kind));
  try {
    await Promise.all(informers.map((informer) => informer.synced(ctx)));
  } catch {
    return; // aborted before everything was there
  }
  const queue = createWorkQueue(ctx.clock, {
    ...(spec.retryMinMs !== undefined && { delayMinMs: spec.retryMinMs }),
    ...(spec.retryMaxMs !== undefined && { delayMaxMs: spec.retryMaxMs }),
    ...(metrics !== undefined && { meter: createQueueMeter(metrics, queueNameOf(spec.name), ctx.clock) }),
  });
  ctx.signal.addEventListener('abort', () => queue.shutDown(), { once: true });
  const unsubscribe = subscribe(spec, cache, queue, ctx);
  const concurrency = concurrencyOf?.(spec.name) ?? spec.concurrencyMax ?? 5;
  const workers = Array.from({ length: concurrency }, () => work(spec, queue, hooks, ctx));
  const beside = [
    spec.background === undefined ? undefined : keepRunning(spec.background, queue, ctx),
    spec.resyncMs === undefined ? undefined : resync(spec.primary, spec.resyncMs, cache, queue, ctx),
  ];
  await Promise.all([...workers, ...beside]);
  for (const stop of unsubscribe) stop();
}

function subscribe(spec: AnySpec, cache: Cache, queue: WorkQueue, ctx: Ctx): (() => void)[] {
  const primary: WatchSource<KubeObject> = {
    kind: spec.primary,
    ...(spec.primaryDelayMs !== undefined && { delayMs: spec.primaryDelayMs }),
    keysOf(object, old, deleted) {
      const isIgnored = old !== undefined && !deleted && spec.primaryChanged?.(object, old) === false;
      return isIgnored ? [] : [keyOf(object)];
    },
  };
  const watches = [primary, ...(spec.watches ?? [])].map((watch) =>
    cache.informer(watch.kind).subscribe(handlerOf(watch, queue, ctx)),
  );
  const owned = (spec.owns ?? []).map((kind) => cache.informer(kind).subscribe(ownedHandler(spec, queue)));
  return [...watches, ...owned];
}

function handlerOf(watch: AnySource, queue: WorkQueue, ctx: Ctx): InformerHandler<KubeObject> {
  const queueKeys = (object: unknown, old: unknown, deleted: boolean) => {
    try {
      for (const key of watch.keysOf(object, old, deleted)) queue.addAfter(key, watch.delayMs ?? 0);
    } catch (error) {
      // One odd object must not silence the informer for everyone else.
      ctx.log.error('event not mapped to keys', { kind: watch.kind.plural, cause: describeError(error) });
    }
  };
  return {
    add: (object) => queueKeys(object, undefined, false),
    update: (object, old) => queueKeys(object, old, false),
    delete: (object) => queueKeys(object, undefined, true),
  };
}

/** Queues owners, and tells expectations first: a key must not be worked on before its expectation is met. */
function ownedHandler(spec: AnySpec, queue: WorkQueue): InformerHandler<KubeObject> {
  const { primary, expectations } = spec;
  const ownerKey = (object: KubeObject, owner: OwnerReference | undefined): string | undefined => {
    if (owner === undefined || !refersTo(owner, primary)) return undefined;
    const { namespace } = object.metadata;
    return keyOf({
      metadata: { name: owner.name, ...(primary.namespaced && namespace !== undefined && { namespace }) },
    });
  };
  const keyFor = (object: KubeObject) => ownerKey(object, controllerOf(object));
  const gone = (object: KubeObject) => {
    const key = keyFor(object);
    if (key === undefined) return;
    expectations?.deletionObserved(key, object.metadata.uid);
    queue.add(key);
  };
  return {
    add(object) {
      // Already going when first seen, after a restart: no new object to count.
      if (object.metadata.deletionTimestamp !== undefined) return gone(object);
      const key = keyFor(object);
      if (key === undefined) return;
      expectations?.creationObserved(key);
      queue.add(key);
    },
    update(object, old) {
      const before = keyFor(old);
      const after = keyFor(object);
      if (before !== undefined && before !== after) queue.add(before);
      if (object.metadata.deletionTimestamp !== undefined) return gone(object);
      if (after !== undefined) queue.add(after);
    },
    delete: gone,
  };
}

async function work(spec: AnySpec, queue: WorkQueue, hooks: ControllerHooks, ctx: Ctx): Promise<void> {
  for (;;) {
    const key = await queue.next();
    if (key === undefined) return;
    hooks.queueLength?.(spec.name, queue.length);
    const startedMs = ctx.clock.monotonicMs();
    let failure: unknown;
    try {
      const { requeueAfterMs } = await spec.reconcile(key, ctx);
      queue.forget(key);
      if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs);
    } catch (error) {
      failure = error ?? new Error('reconcile failed');
      if (!ctx.signal.aborted) retry(key, error, queue, ctx);
    } finally {
      queue.done(key);
    }
    hooks.reconciled?.(spec.name, ctx.clock.monotonicMs() - startedMs, failure);
  }
}

function retry(key: string, error: unknown, queue: WorkQueue, ctx: Ctx): void {
  if (error instanceof TerminalError || (error instanceof Error && error.name === 'TerminalError')) {
    queue.forget(key);
    ctx.log.error('reconcile failed for good', { key, cause: describeError(error) });
    return;
  }
  // Someone else wrote in between: daily business of optimistic concurrency.
  const level = isReason(error, 'Conflict') ? 'debug' : 'warn';
  ctx.log[level]('reconcile failed', { key, retries: queue.retriesOf(key), cause: describeError(error) });
  queue.addRateLimited(key);
}

async function keepRunning(background: NonNullable<AnySpec['background']>, queue: WorkQueue, ctx: Ctx): Promise<void> {
  while (!ctx.signal.aborted) {
    try {
      await background(ctx, queue);
      return;
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.warn('background work failed, begun again', { cause: describeError(error) });
      await sleep(BACKGROUND_RETRY_MS, ctx).catch(() => {});
    }
  }
}

async function resync(primary: AnyKind, everyMs: number, cache: Cache, queue: WorkQueue, ctx: Ctx): Promise<void> {
  for (;;) {
    try {
      await sleep(everyMs, ctx);
    } catch {
      return;
    }
    for (const object of cache.list(primary)) queue.add(keyOf(object));
  }
}
