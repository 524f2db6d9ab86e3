/** The loop, expectations and slow start against an API in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createLogger, createSeededRandom, createVirtualClock, type Ctx, type LogRecord } from '@kapella/base';
import { createCache, createClient } from '@kapella/client';
import { createFakeApi } from '@kapella/client/fake';
import {
  type Controller,
  controllerRef,
  createExpectations,
  defineController,
  runControllers,
  slowStart,
  TerminalError,
  withFinalizer,
  withoutFinalizer,
} from './index.ts';

function setUp() {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const logs: LogRecord[] = [];
  const ctx: Ctx = { signal: stop.signal, log: createLogger((r) => logs.push(r)), clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  const client = createClient(api, { userAgent: 'test/1' });
  const cache = createCache(client);
  const start = (...controllers: Controller[]) => runControllers(controllers, { cache }, ctx);
  return { clock, stop, ctx, api, client, cache, logs, start };
}

const service = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: {},
});

test('primaries, owned objects and watches queue keys; a requeue comes back; failures back off', async () => {
  const { clock, stop, api, client, ctx, logs, start } = setUp();
  api.seed(service('a'));
  const seen: string[] = [];
  let failures = 2;
  const controller = defineController({
    name: 'demo',
    primary: coreV1.Service,
    owns: [coreV1.Pod],
    watches: [{ kind: coreV1.ConfigMap, keysOf: (map, _old, deleted) => (deleted ? [] : [map.data?.key ?? '']) }],
    async reconcile(key) {
      seen.push(key);
      if (key === 'default/bad' && failures-- > 0) throw new Error('not yet');
      if (key === 'final') throw new TerminalError('never');
      return key === 'again' && seen.filter((k) => k === 'again').length === 1 ? { requeueAfterMs: 1000 } : {};
    },
  });
  const running = start(controller);
  await clock.settle();
  assert.deepEqual(seen.splice(0), ['default/a']);

  const owner = api.objects(coreV1.Service)[0];
  assert.ok(owner);
  const metadata = { name: 'p', namespace: 'default', ownerReferences: [controllerRef(coreV1.Service, owner)] };
  await client.create(coreV1.Pod, { metadata, spec: { containers: [] } }, ctx);
  await clock.settle();
  assert.deepEqual(seen.splice(0), ['default/a']);

  await client.create(coreV1.ConfigMap, { metadata: { name: 'm', namespace: 'default' }, data: { key: 'again' } }, ctx);
  await clock.advance(999);
  assert.deepEqual(seen, ['again']);
  await clock.advance(2);
  assert.deepEqual(seen.splice(0), ['again', 'again']);

  await client.create(coreV1.Service, service('bad') as never, ctx);
  await clock.advance(1000);
  assert.deepEqual(seen.splice(0), ['default/bad', 'default/bad', 'default/bad']);
  assert.equal(logs.filter((r) => r.event === 'reconcile failed').length, 2);

  await client.create(coreV1.ConfigMap, { metadata: { name: 'f', namespace: 'default' }, data: { key: 'final' } }, ctx);
  await clock.advance(5000);
  assert.deepEqual(seen.splice(0), ['final']);
  stop.abort();
  await clock.settle();
  await running;
});

test('a key is never worked on twice at once', async () => {
  const { clock, stop, api, client, ctx, start } = setUp();
  api.seed(service('a'));
  let inWork = 0;
  let runs = 0;
  const controller = defineController({
    name: 'demo',
    primary: coreV1.Service,
    concurrencyMax: 3,
    async reconcile() {
      assert.equal(++inWork, 1);
      await new Promise<void>((resolve) => void clock.setTimer(50, resolve));
      inWork--;
      runs++;
      return {};
    },
  });
  const running = start(controller);
  await clock.settle();
  for (let i = 0; i < 5; i++) {
    const body = { metadata: { labels: { i: String(i) } } };
    await client.patch(coreV1.Service, { namespace: 'default', name: 'a' }, { type: 'merge', body }, ctx);
  }
  await clock.advance(1000);
  assert.equal(runs, 2);
  stop.abort();
  await running;
});

test('expectations hold a key back until seen, or for five minutes', async () => {
  const clock = createVirtualClock();
  const expectations = createExpectations();
  assert.ok(expectations.satisfied('k', clock.monotonicMs()));
  expectations.expectCreations('k', 2, clock.monotonicMs());
  expectations.creationObserved('k');
  assert.equal(expectations.satisfied('k', clock.monotonicMs()), false);
  expectations.creationObserved('k');
  assert.ok(expectations.satisfied('k', clock.monotonicMs()));
  expectations.expectDeletions('k', ['u1', 'u2'], clock.monotonicMs());
  expectations.deletionObserved('k', 'u1');
  expectations.deletionObserved('k', 'u1');
  assert.equal(expectations.satisfied('k', clock.monotonicMs()), false);
  await clock.advance(5 * 60_000);
  assert.ok(expectations.satisfied('k', clock.monotonicMs()));
});

test('slow start doubles its batches and stops at the first that fails', async () => {
  const { ctx } = setUp();
  const begun: number[] = [];
  await assert.rejects(
    slowStart(
      100,
      async (i) => {
        begun.push(i);
        if (i >= 3) throw new Error(`no ${i}`);
      },
      ctx,
    ),
    /no 3/,
  );
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6]);
});

test('finalizers are added once and taken off', () => {
  const object = { metadata: { finalizers: ['a'] } };
  assert.equal(withFinalizer(object, 'a'), object);
  assert.deepEqual(withFinalizer(object, 'b').metadata.finalizers, ['a', 'b']);
  assert.deepEqual(withoutFinalizer(object, 'a').metadata.finalizers, []);
});

test('a controller that fails outside its reconciler stops all and says which', async () => {
  const { start } = setUp();
  const broken: Controller = {
    name: 'broken',
    reads: [],
    run: async () => {
      throw new Error('bug');
    },
  };
  await assert.rejects(start(broken), /controller broken failed: bug/);
});
