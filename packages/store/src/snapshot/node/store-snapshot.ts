/** Snapshots through the store's own contract: of an etcd cluster, at one revision. */
import { ApiError, type Ctx } from '@kapella/base';
import type { KeyValue, Store } from '../../contract.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const PAGE_KEYS = 1_000;
const AT_ONCE = 32;

/** Everything at `revision`, page by page. Throws ApiError Expired when it is compacted meanwhile. */
export async function* clusterItems(store: Store, revision: number, ctx: Ctx): AsyncGenerator<KeyValue> {
  let startAfter: string | undefined;
  for (;;) {
    const page = await store.list(
      '',
      { revision, limit: PAGE_KEYS, ...(startAfter === undefined ? {} : { startAfter }) },
      ctx,
    );
    yield* page.items;
    const last = page.items.at(-1);
    if (!page.more || last === undefined) return;
    startAfter = last.key;
  }
}

/** Stands in the store while it holds neither all of what was there nor all of what is restored. */
const MARK = '/registry/kapella.dev/restore';

/**
 * Since when a restore is under way that has not ended, or was cut off; undefined: there is none. What the store holds then
 * is no cluster: nobody may serve it, or save it.
 */
export async function unfinishedRestore(store: Store, ctx: Ctx): Promise<string | undefined> {
  const mark = await store.get(MARK, ctx);
  return mark === undefined ? undefined : decoder.decode(mark.value);
}

/**
 * Makes the store hold just `items`. Not one step: from the first change to the last, a mark says so, and a restore that was
 * cut off is ended by doing it again, with this snapshot or another. Objects get new revisions. Throws ApiError Conflict
 * when somebody else writes meanwhile.
 */
export async function replaceAll(store: Store, items: Iterable<KeyValue>, ctx: Ctx): Promise<number> {
  const before = await store.get(MARK, ctx);
  const since = encoder.encode(new Date(ctx.clock.nowMs()).toISOString());
  await write(store, MARK, since, before?.modRevision ?? 0, ctx);
  const present = new Map<string, number>();
  const now = await store.currentRevision(ctx);
  for await (const { key, modRevision } of clusterItems(store, now, ctx)) present.set(key, modRevision);
  const mark = present.get(MARK) ?? 0;
  present.delete(MARK);
  let count = 0;
  await atOnce(items, async ({ key, value }) => {
    const expectedRevision = present.get(key) ?? 0;
    present.delete(key);
    await write(store, key, value, expectedRevision, ctx);
    count++;
  });
  await atOnce(present, ([key, revision]) => write(store, key, undefined, revision, ctx));
  await write(store, MARK, undefined, mark, ctx);
  return count;
}

async function write(
  store: Store,
  key: string,
  value: Uint8Array | undefined,
  expectedRevision: number,
  ctx: Ctx,
): Promise<void> {
  const result = await store.commit({ key, value, expectedRevision }, ctx);
  if (result.ok) return;
  throw new ApiError(
    'Conflict',
    `${key} was written meanwhile: stop every API server of this etcd, then restore again`,
  );
}

async function atOnce<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
