/** The namespace controller against an API in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, type KindRef } from '@kapella/api';
import { ApiError, errors } from '@kapella/base';
import { createWorld, objectOf } from '../garbagecollector/test-world.test-support.ts';
import { withDeletionConditions } from './namespace-conditions.ts';
import { createNamespaceController } from './namespace.controller.ts';

const KINDS = [coreV1.Namespace, coreV1.ConfigMap, coreV1.Secret, coreV1.Pod] as unknown as KindRef[];
const [, map, secret, pod] = KINDS as [KindRef, KindRef, KindRef, KindRef];
const namespace = (name = 'ns') => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, deletionTimestamp: '2026-01-01T00:00:00Z' },
  spec: { finalizers: ['kubernetes'] },
  status: { phase: 'Active' },
});
const gracefulPod = (name: string, more: object = {}) => ({
  ...objectOf(pod, name, [], { finalizers: ['test/kubelet'], ...more }),
  spec: { containers: [], terminationGracePeriodSeconds: 30 },
});

function setUp(...objects: object[]) {
  const world = createWorld(
    (deps) => createNamespaceController(deps),
    () => KINDS,
  );
  world.api.seed(...objects);
  const current = () => world.api.objects(coreV1.Namespace)[0];
  const condition = (type: string) => current()?.status?.conditions?.find((c) => c.type === type);
  const release = (kind: KindRef, name: string) =>
    world.user.patch(
      kind,
      { namespace: 'ns', name },
      { type: 'merge', body: { metadata: { finalizers: [] } } },
      world.ctx,
    );
  return { ...world, current, condition, release };
}

test('all content goes, nothing of other namespaces, then the namespace', async () => {
  const other = { ...objectOf(map, 'other'), metadata: { name: 'other', namespace: 'else' } };
  const world = setUp(namespace(), objectOf(map, 'a'), objectOf(secret, 'b'), other);
  await world.start();
  await world.clock.advance(2000);
  assert.deepEqual(world.names(), ['other']);
  const finalized = world.api.writes.find((w) => w.subresource === 'finalize');
  assert.deepEqual(finalized?.body.spec.finalizers, []);
  assert.deepEqual(
    world.logs.filter((r) => r.level === 'warn').map((r) => r.fields),
    [],
  );
  await world.end();
});

test('a live namespace is left alone', async () => {
  const { deletionTimestamp: _, ...metadata } = namespace().metadata;
  const world = setUp({ ...namespace(), metadata }, objectOf(map, 'a'));
  await world.start();
  await world.clock.advance(10_000);
  assert.deepEqual(world.names(), ['a', 'ns']);
  assert.equal(world.api.writes.length, 0);
  await world.end();
});

test('Pods go first: what they use stays until the last of them is gone, and then goes at once', async () => {
  const world = setUp(namespace(), gracefulPod('p'), objectOf(secret, 's'));
  await world.start();
  await world.clock.advance(10_000);
  assert.deepEqual(world.names(), ['ns', 'p', 's']);
  assert.equal(world.current()?.status?.phase, 'Terminating');
  assert.equal(
    world.condition('NamespaceContentRemaining')?.message,
    'Some resources are remaining: pods. has 1 resource instances',
  );
  assert.equal(
    world.condition('NamespaceFinalizersRemaining')?.message,
    'Some content in the namespace has finalizers remaining: test/kubelet in 1 resource instances',
  );
  assert.equal(world.condition('NamespaceDeletionContentFailure')?.status, 'False');
  await world.release(pod, 'p');
  await world.clock.settle();
  assert.deepEqual(world.names(), []);
  await world.end();
});

test('content held by a finalizer is waited for, without a busy loop', async () => {
  const world = setUp(namespace(), objectOf(map, 'held', [], { finalizers: ['x/y'] }), objectOf(secret, 's'));
  await world.start();
  await world.clock.advance(60_000);
  assert.deepEqual(world.names(), ['held', 'ns']);
  const deletions = world.api.writes.filter((w) => w.method === 'DELETE' && w.plural === 'configmaps').length;
  assert.ok(deletions >= 5 && deletions <= 20, `${deletions} passes in a minute`);
  await world.release(map, 'held');
  await world.clock.advance(9000);
  assert.deepEqual(world.names(), []);
  await world.end();
});

test('a kind without deletecollection is deleted one by one; an error is told and tried again', async () => {
  const world = setUp(namespace(), objectOf(map, 'a'), objectOf(map, 'b'), objectOf(secret, 's'));
  let refusals = 6;
  world.hooks.on = ({ method, plural, name }) => {
    if (method !== 'DELETE') return undefined;
    if (plural === 'configmaps' && name === '') throw new ApiError('MethodNotAllowed', 'no');
    if (plural === 'secrets' && refusals-- > 0) throw errors.internal('disk on fire');
    return undefined;
  };
  await world.start();
  await world.clock.advance(510);
  assert.deepEqual(world.names(), ['ns', 's']);
  assert.match(
    world.condition('NamespaceDeletionContentFailure')?.message ?? '',
    /^Failed to delete all resource types, 1 remaining: .*disk on fire/,
  );
  await world.clock.advance(5000);
  assert.deepEqual(world.names(), []);
  await world.end();
});

test('while discovery fails nothing is let go', async () => {
  const world = setUp(namespace());
  const { intercept } = world.api;
  world.api.intercept = (request) => {
    if (request.root === '/apis') throw new ApiError('ServiceUnavailable', 'no discovery');
    return intercept?.(request);
  };
  await world.start();
  await world.clock.advance(5000);
  assert.deepEqual(world.names(), ['ns']);
  assert.equal(world.condition('NamespaceDeletionDiscoveryFailure')?.reason, 'DiscoveryFailed');
  world.api.intercept = intercept;
  await world.clock.advance(60_000);
  assert.deepEqual(world.names(), []);
  await world.end();
});

test('conditions keep their time while their state stays', () => {
  const none = { contentErrors: [], remaining: new Map(), finalizers: new Map() };
  const first = withDeletionConditions({ phase: 'Terminating' }, none, 0);
  assert.deepEqual(
    first.conditions?.map((c) => [c.type, c.status, c.reason]),
    [
      ['NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered'],
      ['NamespaceDeletionGroupVersionParsingFailure', 'False', 'ParsedGroupVersions'],
      ['NamespaceDeletionContentFailure', 'False', 'ContentDeleted'],
      ['NamespaceContentRemaining', 'False', 'ContentRemoved'],
      ['NamespaceFinalizersRemaining', 'False', 'ContentHasNoFinalizers'],
    ],
  );
  assert.deepEqual(withDeletionConditions(first, none, 9000), first);
  const held = withDeletionConditions(
    first,
    {
      ...none,
      remaining: new Map([
        ['b.g', 2],
        ['a.', 1],
      ]),
    },
    9000,
  );
  const remaining = held.conditions?.find((c) => c.type === 'NamespaceContentRemaining');
  assert.equal(
    remaining?.message,
    'Some resources are remaining: a. has 1 resource instances, b.g has 2 resource instances',
  );
  assert.equal(remaining?.lastTransitionTime, '1970-01-01T00:00:09Z');
});
