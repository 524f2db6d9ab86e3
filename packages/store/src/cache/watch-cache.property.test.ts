/** The watch cache against a model: any history of writes, any revision, any selector. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import fc from 'fast-check';
import { createMemoryStore } from '../backends/memory/memory.backend.ts';
import type { CacheEvent, CacheQuery, WatchCache } from '../cached.ts';
import { createWatchCache } from './watch-cache.ts';

const HEAD = '{"kind":"Thing","apiVersion":"v1","metadata":{';
const decoder = new TextDecoder();
const options = { prefix: '/registry/things/', head: HEAD, namespaced: true };

interface Step {
  readonly namespace: string;
  readonly name: string;
  /** undefined deletes. */
  readonly color: string | undefined;
}

const stepParts = {
  namespace: fc.constantFrom('n1', 'n2'),
  name: fc.constantFrom('a', 'b', 'c'),
  color: fc.constantFrom('red', 'blue', undefined),
};
const step: fc.Arbitrary<Step> = fc.record(stepParts);

const encode = ({ name, color }: Step) =>
  new TextEncoder().encode(`${HEAD}"name":"${name}","labels":{"color":"${color}"}}}`);

async function setUp() {
  const controller = new AbortController();
  const ctx = hostCtx(controller.signal, silentLogger);
  const store = createMemoryStore();
  const cache = createWatchCache(store, options, ctx);
  await cache.ready(ctx);
  return { ctx, store, cache, stop: () => controller.abort() };
}

/** Applies the step unless it deletes what is not there; returns the new revision. */
async function apply({ store, ctx }: Awaited<ReturnType<typeof setUp>>, s: Step): Promise<number | undefined> {
  const key = `${options.prefix}${s.namespace}/${s.name}`;
  const expectedRevision = (await store.get(key, ctx))?.modRevision ?? 0;
  if (s.color === undefined && expectedRevision === 0) return undefined;
  const value = s.color === undefined ? undefined : encode(s);
  const result = await store.commit({ key, expectedRevision, value }, ctx);
  assert.ok(result.ok);
  return result.revision;
}

const isRed: CacheQuery['matches'] = (object) => object.labels.color === 'red';
const lines = (cache: WatchCache): string[] =>
  cache.list({ matches: (object) => object.labels.color === 'red' }).items.map((object) => decoder.decode(object.line));
const show = (objects: readonly { key: string; revision: number }[]) => objects.map((o) => `${o.key}@${o.revision}`);

test('a list at any revision is what the list was then; a watch from any revision replays to the present', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, onlyRed) => {
      const world = await setUp();
      const query: CacheQuery = onlyRed ? { namespace: 'n1', matches: isRed } : {};
      const then = new Map<number, string[]>([[world.cache.revision, []]]);
      for (const s of steps) {
        const revision = await apply(world, s);
        if (revision !== undefined) then.set(revision, show(world.cache.list(query).items));
      }
      for (const [revision, expected] of then) {
        assert.deepEqual(show(world.cache.list({ ...query, revision }).items), expected);
        assert.deepEqual(replay(world.cache, query, revision, expected), show(world.cache.list(query).items));
      }
      world.stop();
    }),
    { numRuns: 150 },
  );
});

/** Starts from the list at `revision`, applies the watch's events and returns the outcome, in key order. */
function replay(
  cache: ReturnType<typeof createWatchCache>,
  query: CacheQuery,
  revision: number,
  start: readonly string[],
): string[] {
  const state = new Map(start.map((text) => [text.split('@')[0] as string, text]));
  const onEvent = ({ type, object }: CacheEvent) => {
    assert.equal(type === 'ADDED', !state.has(object.key), `${type} ${object.key}`);
    assert.match(new TextDecoder().decode(object.bytes), new RegExp(`"resourceVersion":"${object.revision}",`));
    if (type === 'DELETED') state.delete(object.key);
    else state.set(object.key, `${object.key}@${object.revision}`);
  };
  cache.watch({ ...query, after: revision }, { events: (all) => all.forEach(onEvent), initialEnd() {}, closed() {} })();
  return [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
}

test('what has left the window is Expired, never skipped', async () => {
  const controller = new AbortController();
  const ctx = hostCtx(controller.signal, silentLogger);
  const store = createMemoryStore();
  const cache = createWatchCache(store, { ...options, windowMax: 3 }, ctx);
  await cache.ready(ctx);
  const world = { ctx, store, cache, stop: () => controller.abort() };
  const start = cache.revision;
  for (let i = 0; i < 5; i++) await apply(world, { namespace: 'n1', name: 'a', color: `c${i}` });
  const sink = { events() {}, initialEnd() {}, closed() {} };
  assert.throws(
    () => cache.watch({ after: start }, sink),
    (e) => isReason(e, 'Expired'),
  );
  assert.throws(
    () => cache.list({ revision: start }),
    (e) => isReason(e, 'Expired'),
  );
  cache.watch({ after: start + 2 }, sink)();
  controller.abort();
});

test('waits for a revision that is under way and says when it never comes', async () => {
  const world = await setUp();
  const waited = world.cache.waitFor(world.cache.revision + 1, world.ctx);
  await apply(world, { namespace: 'n1', name: 'a', color: 'red' });
  await waited;
  const setTimer = (_: number, fn: () => void) => {
    queueMicrotask(fn);
    return { cancel() {} };
  };
  const immediate = { ...world.ctx, clock: { ...world.ctx.clock, setTimer } };
  await assert.rejects(world.cache.waitFor(99, immediate), /Too large resource version: 99/);
  world.stop();
});

test('a cache that reads values when they are asked for is what one is that saw them all, whatever is compacted', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.array(step, { maxLength: 12 }),
      fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
      async (before, after, looks) => {
        const world = await setUp();
        for (const s of before) await apply(world, s);
        const late = createWatchCache(world.store, options, world.ctx);
        await late.ready(world.ctx);
        const seen: string[] = [];
        const text = ({ bytes }: { bytes: Uint8Array }) => new TextDecoder().decode(bytes);
        const show = ({ type, object, revision }: CacheEvent) =>
          `${type} ${revision} ${object.labels.color} ${text(object)}`;
        const expected: string[] = [];
        late.watch({ after: 'now' }, { events: (e) => seen.push(...e.map(show)), initialEnd() {}, closed() {} });
        world.cache.watch(
          { after: 'now' },
          { events: (e) => expected.push(...e.map(show)), initialEnd() {}, closed() {} },
        );
        for (const [i, s] of after.entries()) {
          if (looks[i] === true) {
            assert.deepEqual(late.list({}).items.map(text), world.cache.list({}).items.map(text));
            assert.deepEqual(lines(late), lines(world.cache));
          }
          if (i === 6) await late.digest('n1', world.ctx);
          await apply(world, s);
          await world.store.compact(world.cache.revision, world.ctx);
          assert.equal(late.sizeBytes, world.cache.sizeBytes);
        }
        assert.deepEqual(seen, expected);
        world.stop();
      },
    ),
    { numRuns: 150 },
  );
});

test('a list that is helped by an index is the list that looks at everything', async () => {
  const many = fc.array(fc.record({ ...stepParts, name: fc.nat(40).map(String) }), { minLength: 30, maxLength: 120 });
  await fc.assert(
    fc.asyncProperty(many, async (steps) => {
      const world = await setUp();
      // Enough others that an index is worth it.
      for (let i = 0; i < 600; i++)
        await apply(world, { namespace: 'n3', name: `x${i}`, color: i % 3 === 0 ? 'red' : 'green' });
      for (const s of steps) {
        await apply(world, s);
        for (const color of ['red', 'blue', 'constructor']) {
          const query: CacheQuery = { namespace: 'n1', matches: (object) => object.labels.color === color };
          const exact = { of: 'labels', name: 'color', value: color } as const;
          assert.deepEqual(show(world.cache.list({ ...query, exact }).items), show(world.cache.list(query).items));
          const all = { ...query, namespace: 'n3', limit: 7, startAfter: 'n3/x3' };
          assert.deepEqual(world.cache.list({ ...all, exact }).remaining, world.cache.list(all).remaining);
        }
      }
      world.stop();
    }),
    { numRuns: 8 },
  );
});
