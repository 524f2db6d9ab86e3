/** Caches that keep no managedFields. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { createFakeApi } from '../fake/index.ts';
import { createCache, createClient } from '../index.ts';
import { createPodKeep, withoutManagedFields } from './managed-fields.ts';

const managedFields = [{ manager: 'kubectl', operation: 'Apply', apiVersion: 'v1' }];
const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'd', managedFields } });

test('one copy of an object for all caches of the process; what has none stays itself', () => {
  const object = pod('a') as never;
  assert.equal(withoutManagedFields(object), withoutManagedFields(object));
  const plain = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } } as never;
  assert.equal(withoutManagedFields(plain), plain);
});

test('neither what was there nor what comes or goes has them, where the cache is told so', async () => {
  const stop = new AbortController();
  const clock = createVirtualClock();
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  const client = createClient(api, { userAgent: 'test/1' });
  api.seed(pod('a'));
  const caches = [createCache(client, { dropsManagedFields: true }), createCache(client)];
  const seen = caches.map((cache) => {
    const names: string[] = [];
    const note = (what: string) => (object: { metadata: { name: string; managedFields?: readonly unknown[] } }) =>
      names.push(`${what} ${object.metadata.name} ${object.metadata.managedFields?.length ?? 0}`);
    cache.informer(coreV1.Pod).subscribe({ add: note('add'), update: note('update'), delete: note('delete') });
    return names;
  });
  const running = Promise.all(caches.map((cache) => cache.run(ctx)));
  await clock.settle();
  await client.create(coreV1.Pod, pod('b') as never, ctx);
  await client.delete(coreV1.Pod, { namespace: 'd', name: 'a' }, ctx);
  await clock.settle();
  assert.deepEqual(seen, [
    ['add a 0', 'add b 0', 'delete a 0'],
    ['add a 1', 'add b 1', 'delete a 1'],
  ]);
  stop.abort();
  await clock.settle();
  await running;
});

test('Pods of one template share its parts, and say what they said', () => {
  const keep = createPodKeep();
  const made = (name: string, image = 'i') => ({
    ...pod(name),
    spec: { containers: [{ name: 'c', image }], nodeName: name, hostNetwork: false, tolerations: [{ key: name }] },
    status: { phase: 'Running' },
  });
  const [a, b, other] = [made('a'), made('b'), made('c', 'j')].map(
    (one) => keep(one as never) as ReturnType<typeof made>,
  );
  assert.equal(a?.spec.containers, b?.spec.containers);
  assert.notEqual(a?.spec.containers, other?.spec.containers);
  for (const [name, kept, image] of [
    ['a', a, 'i'],
    ['b', b, 'i'],
    ['c', other, 'j'],
  ] as const) {
    const { managedFields: _, ...metadata } = pod(name).metadata;
    assert.deepEqual(kept, { ...made(name, image), metadata });
  }
  // Ever new parts do not fill the memory.
  for (let i = 0; i < 10_000; i++) keep(made(`p${i}`, `image-${i}`) as never);
  assert.deepEqual((keep(made('z') as never) as ReturnType<typeof made>).spec.containers, [{ name: 'c', image: 'i' }]);
});
