/** What every store backend must do; each backend's test runs all of it. */
import { type Ctx, isReason } from '@kapella/base';
import type { ListOptions, Store, StoreEvent } from './contract.ts';

export interface ConformanceCase {
  readonly name: string;
  run(store: Store, ctx: Ctx): Promise<void>;
}

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
      const first = await put(store, '/a/x', '1', 0, ctx);
      const again = await store.commit({ key: '/a/x', value: bytes('2'), expectedRevision: 0 }, ctx);
      check(!again.ok && again.current?.modRevision === first, 'a second create is refused and shows the present');
      const second = await put(store, '/a/x', '2', first, ctx);
      check(second > first, 'revisions grow');
      const stale = await store.commit({ key: '/a/x', value: bytes('3'), expectedRevision: first }, ctx);
      check(!stale.ok && decoder.decode(stale.current?.value) === '2', 'a stale update is refused');
      const read = await store.get('/a/x', ctx);
      same([read?.createRevision, read?.modRevision], [first, second], 'revisions of the value');
      await remove(store, '/a/x', second, ctx);
      check((await store.get('/a/x', ctx)) === undefined, 'deleted');
      const gone = await store.commit({ key: '/a/x', value: undefined, expectedRevision: second }, ctx);
      check(!gone.ok && gone.current === undefined, 'deleting what is gone is refused');
    },
  },
  {
    name: 'lists in key order, by pages, and as of a revision',
    async run(store, ctx) {
      for (const name of ['c', 'a', 'b', 'ab']) await put(store, `/l/${name}`, name, 0, ctx);
      const then = await store.currentRevision(ctx);
      const b = await store.get('/l/b', ctx);
      await put(store, '/l/b', 'B', b?.modRevision ?? -1, ctx);
      await put(store, '/l/d', 'd', 0, ctx);
      await put(store, '/m/a', 'other', 0, ctx);
      same(await keysOf(store, '/l/', {}, ctx), '/l/a=a /l/ab=ab /l/b=B /l/c=c /l/d=d', 'now');
      same(await keysOf(store, '/l/', { revision: then }, ctx), '/l/a=a /l/ab=ab /l/b=b /l/c=c', 'then');
      const page = await store.list('/l/', { limit: 2, startAfter: '/l/a', revision: then }, ctx);
      same([page.items.map((i) => i.key), page.more, page.remaining], [['/l/ab', '/l/b'], true, 1], 'second page');
    },
  },
  {
    name: 'delivers each change once, in order, before the commit resolves, and resumes',
    async run(store, ctx) {
      const live = collect(store, '/w/', 0);
      const one = await put(store, '/w/a', '1', 0, ctx);
      check(live.events.length === 1, 'delivered before the commit resolved');
      const two = await put(store, '/w/a', '2', one, ctx);
      await put(store, '/elsewhere', 'x', 0, ctx);
      await remove(store, '/w/a', two, ctx);
      const all = ['put /w/a 1 prev=0', `put /w/a 2 prev=${one}`, `delete /w/a 2 prev=${two}`];
      same(live.events, all, 'live');
      const late = collect(store, '/w/', one);
      same(late.events, all.slice(1), 'resumed');
      live.cancel();
      late.cancel();
      await put(store, '/w/b', '1', 0, ctx);
      check(Number(live.events.length) === 3 && live.closed.length === 1, 'nothing after cancel, closed once');
    },
  },
  {
    name: 'compaction forgets the past, keeps the present, and refuses to skip',
    async run(store, ctx) {
      let revision = await put(store, '/k/a', '1', 0, ctx);
      const first = revision;
      for (const value of ['2', '3']) revision = await put(store, '/k/a', value, revision, ctx);
      const b = await put(store, '/k/b', 'x', 0, ctx);
      await remove(store, '/k/b', b, ctx);
      await store.compact(await store.currentRevision(ctx), ctx);
      same(await keysOf(store, '/k/', {}, ctx), '/k/a=3', 'the present');
      const error = await store.list('/k/', { revision: first }, ctx).then(
        () => undefined,
        (e: unknown) => e,
      );
      check(isReason(error, 'Expired'), 'a compacted list says Expired');
      const late = collect(store, '/k/', first);
      await Promise.resolve();
      check(late.events.length === 0 && isReason(late.closed[0], 'Expired'), 'a compacted watch says Expired');
      await put(store, '/k/a', '4', revision, ctx);
    },
  },
  {
    name: 'of many writers at one revision exactly one wins',
    async run(store, ctx) {
      const start = await put(store, '/r/a', '0', 0, ctx);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          store.commit({ key: '/r/a', value: bytes(String(i)), expectedRevision: start }, ctx),
        ),
      );
      check(results.filter((r) => r.ok).length === 1, 'one winner');
      check(
        results.every((r) => r.ok || decoder.decode(r.current?.value) === '0' || r.current !== undefined),
        'losers see it',
      );
      const revisions = await Promise.all(Array.from({ length: 200 }, (_, i) => put(store, `/r/${i}`, 'v', 0, ctx)));
      check(new Set(revisions).size === 200, 'every commit has a revision of its own');
    },
  },
];
