/** What every store backend must do; each backend's test runs all of it. */
import { type Ctx, isReason, sleep } from '@kapella/base';
import type { ListOptions, Store, StoreEvent } from './contract.ts';

export interface ConformanceCase {
  readonly name: string;
  run(store: Store, ctx: Ctx): Promise<void>;
}

const DELIVERY_MS_MAX = 5_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (text: string) => encoder.encode(text);

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  check(a === e, `${what}: got ${a}, expected ${e}`);
}

async function put(store: Store, key: string, value: string, expectedRevision: number, ctx: Ctx): Promise<number> {
  const result = await store.commit({ key, value: bytes(value), expectedRevision }, ctx);
  check(result.ok, `put ${key} at ${expectedRevision} was refused`);
  return result.revision;
}

async function remove(store: Store, key: string, expectedRevision: number, ctx: Ctx): Promise<number> {
  const result = await store.commit({ key, value: undefined, expectedRevision }, ctx);
  check(result.ok, `delete ${key} at ${expectedRevision} was refused`);
  return result.revision;
}

async function keysOf(store: Store, prefix: string, options: ListOptions, ctx: Ctx): Promise<string> {
  const { items } = await store.list(prefix, options, ctx);
  return items.map((item) => `${item.key}=${decoder.decode(item.value)}`).join(' ');
}

/** An embedded store has delivered when a commit has resolved; of others it takes a moment. */
async function eventually(store: Store, isTrue: () => boolean, ctx: Ctx): Promise<boolean> {
  const endMs = ctx.clock.monotonicMs() + DELIVERY_MS_MAX;
  while (!store.embedded && !isTrue() && ctx.clock.monotonicMs() < endMs) await sleep(5, ctx);
  return isTrue();
}

function collect(store: Store, prefix: string, after: number): { events: string[]; closed: unknown[]; cancel(): void } {
  const events: string[] = [];
  const closed: unknown[] = [];
  const show = (e: StoreEvent) => `${e.type} ${e.key} ${decoder.decode(e.value)} prev=${e.previous?.modRevision ?? 0}`;
  const cancel = store.watch(prefix, after, {
    events: (batch) => events.push(...batch.map(show)),
    progress: () => {},
    closed: (error) => closed.push(error),
  });
  return { events, closed, cancel };
}

export const storeConformance: readonly ConformanceCase[] = [
  {
    name: 'creates once, updates at the revision read, deletes',
    async run(store, ctx) {
      const first = await put(store, '/registry/a/x', '1', 0, ctx);
      const again = await store.commit({ key: '/registry/a/x', value: bytes('2'), expectedRevision: 0 }, ctx);
      check(!again.ok && again.current?.modRevision === first, 'a second create is refused and shows the present');
      const second = await put(store, '/registry/a/x', '2', first, ctx);
      check(second > first, 'revisions grow');
      const stale = await store.commit({ key: '/registry/a/x', value: bytes('3'), expectedRevision: first }, ctx);
      check(!stale.ok && decoder.decode(stale.current?.value) === '2', 'a stale update is refused');
      const read = await store.get('/registry/a/x', ctx);
      same([read?.createRevision, read?.modRevision], [first, second], 'revisions of the value');
      await remove(store, '/registry/a/x', second, ctx);
      check((await store.get('/registry/a/x', ctx)) === undefined, 'deleted');
      const gone = await store.commit({ key: '/registry/a/x', value: undefined, expectedRevision: second }, ctx);
      check(!gone.ok && gone.current === undefined, 'deleting what is gone is refused');
    },
  },
  {
    name: 'lists in key order, by pages, and as of a revision',
    async run(store, ctx) {
      for (const name of ['c', 'a', 'b', 'ab']) await put(store, `/registry/l/${name}`, name, 0, ctx);
      const then = await store.currentRevision(ctx);
      const b = await store.get('/registry/l/b', ctx);
      await put(store, '/registry/l/b', 'B', b?.modRevision ?? -1, ctx);
      await put(store, '/registry/l/d', 'd', 0, ctx);
      await put(store, '/registry/m/a', 'other', 0, ctx);
      same(
        await keysOf(store, '/registry/l/', {}, ctx),
        '/registry/l/a=a /registry/l/ab=ab /registry/l/b=B /registry/l/c=c /registry/l/d=d',
        'now',
      );
      same(
        await keysOf(store, '/registry/l/', { revision: then }, ctx),
        '/registry/l/a=a /registry/l/ab=ab /registry/l/b=b /registry/l/c=c',
        'then',
      );
      const page = await store.list('/registry/l/', { limit: 2, startAfter: '/registry/l/a', revision: then }, ctx);
      same(
        [page.items.map((i) => i.key), page.more, page.remaining],
        [['/registry/l/ab', '/registry/l/b'], true, 1],
        'second page',
      );
    },
  },
  {
    name: 'delivers each change once, in order, and resumes',
    async run(store, ctx) {
      const live = collect(store, '/registry/w/', 0);
      const one = await put(store, '/registry/w/a', '1', 0, ctx);
      const isThere = await eventually(store, () => live.events.length === 1, ctx);
      check(isThere, 'delivered before the commit resolved, or soon after by a store that is not embedded');
      const two = await put(store, '/registry/w/a', '2', one, ctx);
      await put(store, '/registry/elsewhere', 'x', 0, ctx);
      await remove(store, '/registry/w/a', two, ctx);
      const all = [
        'put /registry/w/a 1 prev=0',
        `put /registry/w/a 2 prev=${one}`,
        `delete /registry/w/a 2 prev=${two}`,
      ];
      await eventually(store, () => live.events.length === all.length, ctx);
      same(live.events, all, 'live');
      const late = collect(store, '/registry/w/', one);
      same(late.events, all.slice(1), 'resumed');
      live.cancel();
      late.cancel();
      await put(store, '/registry/w/b', '1', 0, ctx);
      check(Number(live.events.length) === 3 && live.closed.length === 1, 'nothing after cancel, closed once');
    },
  },
  {
    name: 'compaction forgets the past, keeps the present, and refuses to skip',
    async run(store, ctx) {
      let revision = await put(store, '/registry/k/a', '1', 0, ctx);
      const first = revision;
      for (const value of ['2', '3']) revision = await put(store, '/registry/k/a', value, revision, ctx);
      const b = await put(store, '/registry/k/b', 'x', 0, ctx);
      await remove(store, '/registry/k/b', b, ctx);
      await store.compact(await store.currentRevision(ctx), ctx);
      same(await keysOf(store, '/registry/k/', {}, ctx), '/registry/k/a=3', 'the present');
      const error = await store.list('/registry/k/', { revision: first }, ctx).then(
        () => undefined,
        (e: unknown) => e,
      );
      check(isReason(error, 'Expired'), 'a compacted list says Expired');
      const late = collect(store, '/registry/k/', first);
      await Promise.resolve();
      await eventually(store, () => late.closed.length > 0, ctx);
      check(late.events.length === 0 && isReason(late.closed[0], 'Expired'), 'a compacted watch says Expired');
      await put(store, '/registry/k/a', '4', revision, ctx);
    },
  },
  {
    name: 'of many writers at one revision exactly one wins',
    async run(store, ctx) {
      const start = await put(store, '/registry/r/a', '0', 0, ctx);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          store.commit({ key: '/registry/r/a', value: bytes(String(i)), expectedRevision: start }, ctx),
        ),
      );
      check(results.filter((r) => r.ok).length === 1, 'one winner');
      check(
        results.every((r) => r.ok || decoder.decode(r.current?.value) === '0' || r.current !== undefined),
        'losers see it',
      );
      const revisions = await Promise.all(
        Array.from({ length: 200 }, (_, i) => put(store, `/registry/r/${i}`, 'v', 0, ctx)),
      );
      check(new Set(revisions).size === 200, 'every commit has a revision of its own');
    },
  },
  {
    name: 'tells sinks how far they have come, also of changes elsewhere',
    async run(store, ctx) {
      let reached = 0;
      const cancel = store.watch('/registry/p/', 0, {
        events: () => {},
        progress: (revision) => {
          check(revision >= reached, 'progress never goes back');
          reached = revision;
        },
        closed: () => {},
      });
      const revision = await put(store, '/registry/other/a', '1', 0, ctx);
      store.requestProgress(revision);
      check(await eventually(store, () => reached >= revision, ctx), 'progress reaches a change elsewhere');
      cancel();
    },
  },
  {
    name: 'a watch that starts ahead of delivery is given what follows, and nothing twice',
    async run(store, ctx) {
      const last = await Array.from({ length: 50 }).reduce<Promise<number>>(
        async (before, _, i) => put(store, '/registry/s/a', String(i), await before, ctx),
        Promise.resolve(0),
      );
      const { items, revision } = await store.list('/registry/s/', {}, ctx);
      check(items[0]?.modRevision === last && revision >= last, 'the list has the newest');
      const seen = collect(store, '/registry/s/', revision);
      await put(store, '/registry/s/b', 'x', 0, ctx);
      await eventually(store, () => seen.events.length > 0, ctx);
      same(seen.events, ['put /registry/s/b x prev=0'], 'only what followed the list');
      seen.cancel();
    },
  },
];
