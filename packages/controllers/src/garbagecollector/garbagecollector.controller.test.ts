/** The collector against an API in memory: background, foreground, orphan, odd references, new kinds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, type KindRef, type KubeObject } from '@kapella/api';
import { createGarbageCollectorController } from './garbagecollector.controller.ts';
import { createWorld, KINDS, objectOf, reference } from './test-world.test-support.ts';

const map = coreV1.ConfigMap as unknown as KindRef;
const secret = coreV1.Secret as unknown as KindRef;
const volume = coreV1.PersistentVolume as unknown as KindRef;

function setUp(...kinds: (() => readonly KindRef[])[]) {
  const world = createWorld(createGarbageCollectorController, ...kinds);
  const create = (kind: KindRef, name: string, owners: object[] = [], more: object = {}) =>
    world.user.create(kind, objectOf(kind, name, owners, more) as never, world.ctx) as unknown as Promise<KubeObject>;
  const remove = (object: KubeObject, propagationPolicy: 'Orphan' | 'Background' | 'Foreground') => {
    const kind = KINDS.find((k) => k.kind === object.kind);
    assert.ok(kind);
    return world.user.delete(kind, object, world.ctx, { propagationPolicy });
  };
  return { ...world, create, remove };
}

test('background: dependents go after their last owner, and their dependents', async () => {
  const world = setUp();
  await world.start();
  const a = await world.create(map, 'a');
  const b = await world.create(volume, 'b');
  const both = await world.create(secret, 'both', [reference(a), reference(b)]);
  await world.create(map, 'below', [reference(both)]);
  await world.create(map, 'only-a', [reference(a)]);
  await world.clock.settle();
  await world.remove(a, 'Background');
  await world.clock.advance(100);
  assert.deepEqual(world.names(), ['b', 'below', 'both']);
  const left = world.all().find((object) => object.metadata.name === 'both');
  assert.deepEqual(
    left?.metadata.ownerReferences?.map((owner) => owner.name),
    ['b'],
  );
  await world.remove(b, 'Background');
  await world.clock.advance(100);
  assert.deepEqual(world.names(), []);
  await world.end();
});

test('garbage from before the start is found, and what has a living owner is not', async () => {
  const world = setUp();
  const a = await world.create(map, 'a');
  await world.create(map, 'kept', [reference(a)]);
  await world.create(map, 'garbage', [{ ...reference(a), name: 'gone', uid: 'nobody' }]);
  await world.create(map, 'imposter', [{ ...reference(a), uid: 'an-older-a' }]);
  await world.start();
  await world.clock.advance(1000);
  assert.deepEqual(world.names(), ['a', 'kept']);
  await world.end();
});

test('foreground: the owner waits for those who block it, level by level', async () => {
  const world = setUp();
  await world.start();
  const a = await world.create(map, 'a');
  const blocking = await world.create(secret, 'b', [reference(a, { blockOwnerDeletion: true })]);
  await world.create(secret, 'c', [reference(blocking, { blockOwnerDeletion: true })], { finalizers: ['x/y'] });
  await world.clock.settle();
  await world.remove(a, 'Foreground');
  await world.clock.advance(1000);
  assert.deepEqual(world.names(), ['a', 'b', 'c']);
  assert.ok(world.all().every((object) => object.metadata.deletionTimestamp !== undefined));
  await world.user.patch(
    secret,
    { namespace: 'ns', name: 'c' },
    { type: 'merge', body: { metadata: { finalizers: [] } } },
    world.ctx,
  );
  await world.clock.advance(100);
  assert.deepEqual(world.names(), []);
  await world.end();
});

test('orphan: dependents stay and are free', async () => {
  const world = setUp();
  await world.start();
  const a = await world.create(map, 'a');
  await world.create(secret, 'b', [reference(a, { controller: true })]);
  await world.clock.settle();
  await world.remove(a, 'Orphan');
  await world.clock.advance(100);
  assert.deepEqual(world.names(), ['b']);
  assert.deepEqual(world.all()[0]?.metadata.ownerReferences ?? [], []);
  await world.end();
});

test('an owner in another namespace counts as none, and is told of; a namespaced owner of a cluster object is left', async () => {
  const world = setUp();
  await world.start();
  const a = await world.create(map, 'a');
  await world.create(secret, 'far', [reference(a)], { namespace: 'other' });
  await world.create(volume, 'pv', [reference(a)]);
  await world.clock.advance(1000);
  assert.deepEqual(world.names(), ['a', 'pv']);
  const { uid } = a.metadata;
  assert.ok(
    world.events.includes(
      `OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: other, name: a, uid: ${uid}] does not exist in namespace "other"`,
    ),
  );
  await world.end();
});

test('an owner of an unknown kind keeps its dependents until the kind is known', async () => {
  let kinds: readonly KindRef[] = KINDS.filter((kind) => kind !== volume);
  const world = setUp(() => kinds);
  await world.start();
  await world.create(map, 'a', [{ apiVersion: 'v1', kind: 'PersistentVolume', name: 'pv', uid: 'nobody' }]);
  await world.clock.advance(120_000);
  assert.deepEqual(world.names(), ['a']);
  kinds = KINDS;
  await world.clock.advance(300_000);
  assert.deepEqual(world.names(), []);
  await world.end();
});

test('a dependent that gets a new owner in the last moment stays', async () => {
  const world = setUp();
  await world.start();
  const a = await world.create(map, 'a');
  const b = await world.create(map, 'b');
  await world.create(secret, 'c', [reference(a)]);
  await world.clock.settle();
  let patched: Promise<unknown> | undefined;
  let refused = 0;
  world.hooks.on = (request) => {
    if (request.name !== 'c') return undefined;
    // The collector has looked at the object, which then changes before its deletion arrives.
    const body = { metadata: { ownerReferences: [reference(b)] } };
    if (request.method === 'GET')
      patched ??= world.user.patch(secret, { namespace: 'ns', name: 'c' }, { type: 'merge', body }, world.ctx);
    if (request.method === 'DELETE') refused++;
    return undefined;
  };
  await world.remove(a, 'Background');
  await world.clock.advance(1000);
  await patched;
  assert.equal(refused, 1);
  assert.deepEqual(world.names(), ['b', 'c']);
  await world.end();
});

test('a refused deletion is tried again; expired watches lose nothing', async () => {
  const world = setUp();
  await world.start();
  const a = await world.create(map, 'a');
  await world.create(secret, 'b', [reference(a)]);
  await world.clock.settle();
  let refusals = 3;
  world.hooks.on = (request) => {
    if (request.method === 'DELETE' && request.name === 'b' && refusals-- > 0) throw new Error('connection lost');
    return undefined;
  };
  world.api.endWatches(true);
  await world.remove(a, 'Background');
  await world.clock.advance(60_000);
  assert.deepEqual(world.names(), []);
  await world.end();
});
