/** Feeds one kind's metadata to the graph without keeping it. Source: client-go/tools/cache/reflector.go. */
import type { KindRef, KubeObject, ObjectMeta } from '@kapella/api';
import { type Ctx, describeError, isReason, jitter, sleep } from '@kapella/base';
import type { Cache, Client, WatchEvent } from '@kapella/client';

export interface KindSink {
  observe(metadata: ObjectMeta): void;
  removed(uid: string): void;
  /** All objects are there: those seen earlier and not in `uids` are gone. */
  listed(uids: ReadonlySet<string>): void;
  synced(): void;
}

const BACKOFF_MIN_MS = 800;
const BACKOFF_MAX_MS = 30_000;
const WATCH_MIN_SECONDS = 300;

/** Until ctx aborts. Takes the process's informer of the kind where there is one, so that nothing is sent twice. */
export async function watchKind(kind: KindRef, client: Client, cache: Cache, sink: KindSink, ctx: Ctx): Promise<void> {
  if (cache.has(kind)) return followInformer(kind, cache, sink, ctx);
  let resourceVersion = '';
  const list = async () => {
    const page = await client.list(kind, { metadataOnly: true }, ctx);
    for (const { metadata } of page.items) sink.observe(metadata);
    sink.listed(new Set(page.items.map((item) => item.metadata.uid)));
    resourceVersion = page.metadata.resourceVersion ?? '';
    sink.synced();
  };
  const onEvent = ({ type, object }: WatchEvent<KubeObject>) => {
    resourceVersion = object.metadata.resourceVersion;
    if (type === 'DELETED') sink.removed(object.metadata.uid);
    else if (type !== 'BOOKMARK') sink.observe(object.metadata);
  };
  const listAndWatch = async () => {
    if (resourceVersion === '') await list();
    const timeoutSeconds = Math.round(jitter(WATCH_MIN_SECONDS, 1, ctx.random));
    const options = { resourceVersion, timeoutSeconds, allowBookmarks: true, metadataOnly: true };
    await client.watch<KubeObject>(kind as KindRef<KubeObject>, options, onEvent, ctx);
  };
  const failed = (error: unknown) => {
    if (ctx.signal.aborted) return;
    const isExpired = isReason(error, 'Expired', 'Gone');
    if (isExpired) resourceVersion = '';
    ctx.log[isExpired ? 'debug' : 'warn']('list and watch failed', { kind: kind.plural, cause: describeError(error) });
  };
  for (let backoffMs = BACKOFF_MIN_MS; !ctx.signal.aborted; ) {
    const startedMs = ctx.clock.monotonicMs();
    await listAndWatch().catch(failed);
    const livedMs = ctx.clock.monotonicMs() - startedMs;
    backoffMs = livedMs > BACKOFF_MAX_MS ? BACKOFF_MIN_MS : Math.min(backoffMs * 2, BACKOFF_MAX_MS);
    await sleep(jitter(backoffMs / 2, 1, ctx.random), ctx).catch(() => {});
  }
}

async function followInformer(kind: KindRef, cache: Cache, sink: KindSink, ctx: Ctx): Promise<void> {
  const informer = cache.informer(kind);
  const unsubscribe = informer.subscribe({
    add: ({ metadata }) => sink.observe(metadata),
    update: ({ metadata }) => sink.observe(metadata),
    delete: ({ metadata }) => sink.removed(metadata.uid),
  });
  const ended = new Promise<void>((resolve) => {
    if (ctx.signal.aborted) resolve();
    else ctx.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await informer.synced(ctx).then(
    () => sink.synced(),
    () => {},
  );
  await ended;
  unsubscribe();
}
