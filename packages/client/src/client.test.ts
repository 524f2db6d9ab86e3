/** The client, its cache and its recorder against an API in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, type KubeObject } from '@kapella/api';
import { ApiError, createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import fc from 'fast-check';
import { createCache, createClient, createEventRecorder, createLineDecoder, runAsLeader } from './index.ts';
import { createFakeApi } from './fake/index.ts';
import type { ApiResponse, Transport } from './transport.ts';

function setUp() {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  const client = createClient(api, { userAgent: 'test/1' });
  return { clock, stop, ctx, api, client };
}

const configMap = (name: string, data: Record<string, string> = {}, namespace = 'default') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

test('reads answer undefined for not found, writes throw the Status', async () => {
  const { client, ctx } = setUp();
  const name = { namespace: 'default', name: 'a' };
  assert.equal(await client.get(coreV1.ConfigMap, name, ctx), undefined);
  const made = await client.create(coreV1.ConfigMap, { metadata: name, data: { x: '1' } }, ctx);
  assert.equal(made.kind, 'ConfigMap');
  await assert.rejects(client.create(coreV1.ConfigMap, { metadata: name }, ctx), {
    reason: 'AlreadyExists',
    code: 409,
  });
  await client.update(coreV1.ConfigMap, { ...made, data: { x: '2' } }, ctx);
  await assert.rejects(client.update(coreV1.ConfigMap, { ...made, data: { x: '3' } }, ctx), { reason: 'Conflict' });
  await assert.rejects(client.delete(coreV1.ConfigMap, made, ctx, { uid: 'other' }), { reason: 'Conflict' });
  await client.delete(coreV1.ConfigMap, made, ctx);
  await assert.rejects(client.delete(coreV1.ConfigMap, made, ctx), { reason: 'NotFound' });
});

test('a list takes all pages and stamps kind and apiVersion', async () => {
  const { api, client, ctx } = setUp();
  for (let i = 0; i < 7; i++) api.seed(configMap(`m${i}`));
  const list = await client.list(coreV1.ConfigMap, { namespace: 'default', limit: 3 }, ctx);
  assert.equal(list.items.length, 7);
  assert.deepEqual(new Set(list.items.map((item) => `${item.apiVersion}/${item.kind}`)), new Set(['v1/ConfigMap']));
  assert.equal(api.requests.length, 3);
});

test('an equal status is not written', async () => {
  const { api, client, ctx } = setUp();
  api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' }, status: { phase: 'Active' } });
  const namespace = await client.get(coreV1.Namespace, { name: 'n' }, ctx);
  assert.ok(namespace);
  await client.patchStatus(coreV1.Namespace, namespace, { phase: 'Active' }, ctx);
  assert.equal(api.writes.length, 0);
  await client.patchStatus(coreV1.Namespace, namespace, { phase: 'Terminating' }, ctx);
  assert.deepEqual(
    api.writes.map((w) => [w.method, w.subresource]),
    [['PUT', 'status']],
  );
});

test('a request put off with Retry-After is made again', async () => {
  const { clock, ctx } = setUp();
  let asked = 0;
  const body = new TextEncoder().encode(JSON.stringify(new ApiError('TooManyRequests', 'slow down').toStatus()));
  const transport: Transport = {
    async request(): Promise<ApiResponse> {
      asked++;
      if (asked < 3) return { status: 429, headers: { 'retry-after': '1' }, body };
      return { status: 200, headers: {}, body: new TextEncoder().encode('{"kind":"ConfigMap"}') };
    },
    async close() {},
  };
  const answer = createClient(transport, { userAgent: 't' }).get(coreV1.ConfigMap, { name: 'x' }, ctx);
  await clock.advance(1500);
  assert.equal(asked, 2);
  await clock.advance(1000);
  assert.equal((await answer)?.kind, 'ConfigMap');
});

test('lines survive any cut of the stream', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat(200)), (texts, cuts) => {
      const lines = texts.map((text) => JSON.stringify(text));
      const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
      const got: string[] = [];
      const feed = createLineDecoder((line) => got.push(line));
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        // A copy that is wiped afterwards: the decoder must not keep what is not its own.
        const chunk = bytes.slice(at, at + cut);
        feed(chunk);
        chunk.fill(0);
        at += cut;
      }
      assert.deepEqual(got, lines);
    }),
  );
});

function record(events: string[]) {
  return {
    add: (object: KubeObject) => void events.push(`+${object.metadata.name}`),
    update: (object: KubeObject) => void events.push(`~${object.metadata.name}`),
    delete: (object: KubeObject) => void events.push(`-${object.metadata.name}`),
  };
}

test('an informer lists, follows, resumes and lists again after 410', async () => {
  const { api, client, clock, ctx, stop } = setUp();
  api.seed(configMap('a'), configMap('b', {}, 'other'));
  const cache = createCache(client);
  const informer = cache.informer(coreV1.ConfigMap);
  assert.equal(informer, cache.informer(coreV1.ConfigMap));
  const events: string[] = [];
  informer.subscribe(record(events));
  const running = cache.run(ctx);
  await cache.synced(ctx);
  assert.deepEqual(events, ['+a', '+b']);
  assert.deepEqual(
    cache.list(coreV1.ConfigMap, 'other').map((o) => o.metadata.name),
    ['b'],
  );
  await clock.settle();

  const made = await client.create(coreV1.ConfigMap, configMap('c'), ctx);
  await client.patch(coreV1.ConfigMap, made, { type: 'merge', body: { data: { x: '1' } } }, ctx);
  await clock.settle();
  assert.deepEqual(events.splice(0), ['+a', '+b', '+c', '~c']);
  assert.equal(cache.get(coreV1.ConfigMap, 'default/c')?.data?.x, '1');

  api.endWatches();
  await client.delete(coreV1.ConfigMap, made, ctx);
  await clock.advance(5000);
  assert.deepEqual(events.splice(0), ['-c']);
  const lists = () => api.requests.filter((r) => r.method === 'GET' && r.query.get('watch') === null).length;
  assert.equal(lists(), 1);

  api.endWatches(true);
  await client.delete(coreV1.ConfigMap, { namespace: 'default', name: 'a' }, ctx);
  await clock.advance(10_000);
  assert.equal(lists(), 2);
  assert.deepEqual(events.splice(0), ['-a']);
  const late: string[] = [];
  informer.subscribe(record(late));
  assert.deepEqual(late, ['+b']);
  stop.abort();
  await running;
});

test('an object made again under its name is seen as another one', async () => {
  const { api, client, clock, ctx, stop } = setUp();
  api.seed(configMap('a'));
  const cache = createCache(client);
  const events: string[] = [];
  cache.informer(coreV1.ConfigMap).subscribe(record(events));
  const running = cache.run(ctx);
  await clock.settle();
  api.endWatches(true);
  await client.delete(coreV1.ConfigMap, { namespace: 'default', name: 'a' }, ctx);
  await client.create(coreV1.ConfigMap, configMap('a'), ctx);
  await clock.advance(10_000);
  assert.deepEqual(events, ['+a', '-a', '+a']);
  stop.abort();
  await running;
});

test('an informer waits for a server that does not answer', async () => {
  const { api, client, clock, ctx, stop } = setUp();
  let down = true;
  api.intercept = () => {
    if (down) throw new Error('connection refused');
    return undefined;
  };
  const cache = createCache(client);
  const informer = cache.informer(coreV1.ConfigMap);
  const running = cache.run(ctx);
  await clock.advance(60_000);
  const asked = api.requests.length;
  assert.ok(asked >= 4 && asked <= 12, `backs off: ${asked} requests in a minute`);
  assert.equal(informer.hasSynced, false);
  down = false;
  await clock.advance(61_000);
  assert.equal(informer.hasSynced, true);
  stop.abort();
  await running;
});

test('indexes follow changes', async () => {
  const { api, client, clock, ctx, stop } = setUp();
  const owned = (uid: string) => ({ metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid }] } });
  api.seed({ ...configMap('a'), metadata: { ...configMap('a').metadata, ...owned('u1').metadata } });
  const cache = createCache(client);
  const informer = cache.informer(coreV1.ConfigMap);
  informer.addIndex('data', (object) => Object.keys(object.data ?? {}));
  const running = cache.run(ctx);
  await clock.settle();
  assert.equal(cache.ownedBy(coreV1.ConfigMap, 'u1').length, 1);
  const name = { namespace: 'default', name: 'a' };
  await client.patch(coreV1.ConfigMap, name, { type: 'merge', body: { ...owned('u2'), data: { k: 'v' } } }, ctx);
  await clock.settle();
  assert.equal(cache.ownedBy(coreV1.ConfigMap, 'u1').length, 0);
  assert.equal(cache.ownedBy(coreV1.ConfigMap, 'u2').length, 1);
  assert.equal(informer.byIndex('data', 'k').length, 1);
  stop.abort();
  await running;
});

test('events are counted up, merged when similar, and dropped as spam', async () => {
  const { api, client, clock, ctx, stop } = setUp();
  const dropped: string[] = [];
  const options = { component: 'test-controller', dropped: (why: string) => dropped.push(why) };
  const recorder = createEventRecorder(client, options, ctx);
  const running = recorder.run(ctx);
  const about = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default', uid: 'u' } };
  for (let i = 0; i < 3; i++) recorder.event(about, 'Normal', 'Pulled', 'same');
  await recorder.flushed();
  const [only, ...rest] = api.objects(coreV1.Event);
  assert.equal(rest.length, 0);
  assert.equal(only?.count, 3);
  assert.match(only?.metadata.name ?? '', /^p\.[0-9a-f]{15,16}$/);
  assert.deepEqual(only?.source, { component: 'test-controller' });

  for (let i = 0; i < 12; i++) recorder.event(about, 'Warning', 'Failed', `try ${i}`);
  await recorder.flushed();
  const failed = api.objects(coreV1.Event).filter((e) => e.reason === 'Failed');
  assert.equal(failed.length, 11);
  assert.equal(failed.filter((e) => e.message?.startsWith('(combined from similar events): try')).length, 1);

  const before = api.writes.length;
  for (let i = 0; i < 30; i++) recorder.event(about, 'Normal', 'Pulled', 'same');
  await recorder.flushed();
  assert.equal(api.writes.length - before, 25 - 15, 'the rest of the burst of 25');
  assert.deepEqual(new Set(dropped), new Set(['spam']));
  assert.equal(dropped.length, 30 - (25 - 15));

  dropped.length = 0;
  const others = (i: number) => ({ ...about, metadata: { name: `p${i}`, namespace: 'default' } });
  for (let i = 0; i < 1_010; i++) recorder.event(others(i), 'Normal', 'Pulled', 'same');
  await recorder.flushed();
  assert.ok(dropped.length >= 9 && dropped.every((why) => why === 'queue'), 'a thousand wait, no more');
  stop.abort();
  await clock.settle();
  await running;
});

test('one leads, another takes over when the first is gone', async () => {
  const { client, clock, ctx, stop } = setUp();
  const options = { namespace: 'kube-system', name: 'demo' };
  const led: string[] = [];
  const firstStop = new AbortController();
  const lead = (identity: string) => async (inner: Ctx) => {
    led.push(identity);
    await new Promise<void>((resolve) => inner.signal.addEventListener('abort', () => resolve()));
    led.push(`${identity} ended`);
  };
  const first = runAsLeader(client, { ...options, identity: 'a' }, lead('a'), { ...ctx, signal: firstStop.signal });
  await clock.advance(100);
  const second = runAsLeader(client, { ...options, identity: 'b' }, lead('b'), ctx);
  await clock.advance(60_000);
  assert.deepEqual(led, ['a']);
  firstStop.abort();
  await clock.advance(100);
  await first;
  await clock.advance(10_000);
  assert.deepEqual(led, ['a', 'a ended', 'b']);
  stop.abort();
  await clock.advance(100);
  await second;
});

test('a leader that cannot renew stops leading before others may begin', async () => {
  const { api, client, clock, ctx } = setUp();
  let aborted = false;
  const leading = runAsLeader(
    client,
    { namespace: 'kube-system', name: 'demo', identity: 'a' },
    (inner) =>
      new Promise((resolve) =>
        inner.signal.addEventListener('abort', () => {
          aborted = true;
          resolve();
        }),
      ),
    ctx,
  );
  leading.catch(() => {});
  await clock.advance(5_000);
  api.intercept = () => {
    throw new Error('down');
  };
  await clock.advance(14_000);
  assert.ok(aborted);
  await assert.rejects(leading, /could not be renewed/);
});
