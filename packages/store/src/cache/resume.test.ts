/** Watches that go on where a restarted server's cache begins. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createMemoryStore } from '../backends/memory/memory.backend.ts';
import type { CacheEvent } from '../cached.ts';
import { createWatchCache } from './watch-cache.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const HEAD = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{';
const PREFIX = '/registry/configmaps/';
const value = (name: string, app: string) =>
  new TextEncoder().encode(`${HEAD}"name":"${name}","namespace":"default","labels":{"app":"${app}"}}}`);

test('a watch from before the cache began is given every change that the store still has', async () => {
  const store = createMemoryStore();
  const put = async (name: string, app: string, expectedRevision: number) => {
    const write = { key: `${PREFIX}default/${name}`, value: value(name, app), expectedRevision };
    const result = await store.commit(write, ctx);
    assert.ok(result.ok);
    return result.revision;
  };
  const first = await put('a', 'x', 0);
  const second = await put('a', 'y', first);
  const b = await put('b', 'x', 0);
  await store.commit({ key: `${PREFIX}default/b`, value: undefined, expectedRevision: b }, ctx);

  const cache = createWatchCache(store, { prefix: PREFIX, head: HEAD, namespaced: true }, ctx);
  await cache.ready(ctx);
  const collect = (after: number, app?: string) => {
    const seen: string[] = [];
    const matches =
      app === undefined ? {} : { matches: (object: CacheEvent['object']) => object.labels['app'] === app };
    cache.watch(
      { after, ...matches },
      {
        events: (events) => seen.push(...events.map(({ type, object }) => `${type} ${object.name} ${object.revision}`)),
        initialEnd: () => {},
        closed: () => {},
      },
    );
    return seen;
  };
  const all = collect(first);
  const onlyX = collect(first, 'x');
  await put('c', 'x', 0);
  assert.deepEqual(all, [`MODIFIED a ${second}`, `ADDED b ${b}`, `DELETED b ${b + 1}`, `ADDED c ${b + 2}`]);
  assert.deepEqual(onlyX, [`DELETED a ${second}`, `ADDED b ${b}`, `DELETED b ${b + 1}`, `ADDED c ${b + 2}`]);

  await store.compact(b, ctx);
  const late = createWatchCache(store, { prefix: PREFIX, head: HEAD, namespaced: true }, ctx);
  await late.ready(ctx);
  const sink = { events: () => {}, initialEnd: () => {}, closed: () => {} };
  assert.throws(
    () => late.watch({ after: first }, sink),
    (error) => isReason(error, 'Expired'),
  );
  for (const each of [cache, late]) each.close();
});
