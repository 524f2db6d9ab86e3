/** ReplicaSets: plans as tables, the loop against an API in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appsV1, coreV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { ApiError, formatTime } from '@kapella/base';
import fc from 'fast-check';
import { createTestBed } from '../shared/test-bed.ts';
import { planCount, planDeletions, planStatus } from './plan-replicas.ts';
import { createReplicaSetController } from './replicaset.controller.ts';
import { restMs } from './rests.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');

interface Shape {
  readonly name: string;
  readonly node?: string;
  readonly phase?: 'Pending' | 'Running';
  readonly readyForMs?: number;
  readonly ageMs?: number;
  readonly cost?: string;
  readonly restarts?: number;
}

function pod({ name, node = 'n1', phase = 'Running', readyForMs, ageMs = 3_600_000, cost, restarts = 0 }: Shape): Pod {
  const ready = {
    type: 'Ready',
    status: readyForMs === undefined ? 'False' : 'True',
    lastTransitionTime: formatTime(NOW - (readyForMs ?? 0)),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      resourceVersion: '1',
      creationTimestamp: formatTime(NOW - ageMs),
      labels: { app: 'web' },
      ...(cost !== undefined && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    },
    spec: { containers: [], ...(node !== '' && { nodeName: node }) },
    status: { phase, conditions: [ready], containerStatuses: [{ name: 'c', restartCount: restarts } as never] },
  };
}

test('who goes first when scaling down', () => {
  const hour = 3_600_000;
  const cases: readonly [why: string, first: Shape, later: Shape][] = [
    ['unplaced', { name: 'b', node: '' }, { name: 'a' }],
    ['pending', { name: 'b', phase: 'Pending' }, { name: 'a' }],
    ['not ready', { name: 'b' }, { name: 'a', readyForMs: hour }],
    ['cheaper', { name: 'b', readyForMs: hour, cost: '-5' }, { name: 'a', readyForMs: hour }],
    ['ready for a shorter time', { name: 'b', readyForMs: 60_000 }, { name: 'a', readyForMs: 10 * hour }],
    ['restarted more often', { name: 'b', readyForMs: hour, restarts: 3 }, { name: 'a', readyForMs: hour }],
    ['younger', { name: 'b', ageMs: 60_000 }, { name: 'a', ageMs: 10 * hour }],
    ['of about the same age: by uid', { name: 'a', ageMs: hour }, { name: 'b', ageMs: hour - 1000 }],
  ];
  for (const [why, first, later] of cases) {
    for (const order of [
      [first, later],
      [later, first],
    ]) {
      const [gone] = planDeletions(order.map(pod), [], 1, NOW);
      assert.equal(gone?.metadata.name, first.name, why);
    }
  }
});

test('a Pod that shares its node with its siblings goes first', () => {
  const hour = 3_600_000;
  const a = pod({ name: 'a', node: 'n1', readyForMs: hour });
  const b = pod({ name: 'b', node: 'n2', readyForMs: hour });
  const sibling = pod({ name: 's', node: 'n2', readyForMs: hour });
  assert.equal(planDeletions([a, b], [a, b, sibling], 1, NOW)[0]?.metadata.name, 'b');
});

test('deletions are as many as asked, each once, whatever the Pods', () => {
  const shapes = fc.uniqueArray(
    fc.record({
      name: fc.uuid(),
      node: fc.constantFrom('', 'n1', 'n2'),
      readyForMs: fc.option(fc.nat(1e9), { nil: undefined }),
      ageMs: fc.nat(1e9),
      restarts: fc.nat(3),
    }),
    { selector: (s) => s.name, maxLength: 12 },
  );
  fc.assert(
    fc.property(shapes, fc.nat(12), (list, count) => {
      const pods = list.map((shape) => pod(shape as Shape));
      const gone = planDeletions(pods, pods, count, NOW);
      assert.equal(gone.length, Math.min(count, pods.length));
      assert.equal(new Set(gone).size, gone.length);
    }),
  );
});

test('counts are bounded by the burst', () => {
  assert.equal(planCount({ replicas: 3 }, 1), 2);
  assert.equal(planCount({}, 0), 1);
  assert.equal(planCount({ replicas: 0 }, 4), -4);
  assert.equal(planCount({ replicas: 2000 }, 0), 500);
});

test('status counts, waits for minReadySeconds, keeps the first failure', () => {
  const active = [pod({ name: 'a', readyForMs: 5000 }), pod({ name: 'b', readyForMs: 50_000 }), pod({ name: 'c' })];
  const spec = {
    replicas: 3,
    minReadySeconds: 10,
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
  };
  const base = { spec, status: undefined, generation: 2, active, terminatingCount: 0, failure: undefined, nowMs: NOW };
  assert.deepEqual(planStatus(base), {
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 2,
    availableReplicas: 1,
    terminatingReplicas: 0,
    observedGeneration: 2,
  });
  const failed = planStatus({ ...base, active: [], failure: 'quota' });
  assert.deepEqual(failed.conditions, [
    {
      type: 'ReplicaFailure',
      status: 'True',
      lastTransitionTime: formatTime(NOW),
      reason: 'FailedCreate',
      message: 'quota',
    },
  ]);
  assert.deepEqual(
    planStatus({ ...base, status: failed, failure: 'other', nowMs: NOW + 5000 }).conditions,
    failed.conditions,
  );
  assert.equal(planStatus({ ...base, status: failed }).conditions, undefined);
});

const replicaSet = (replicas: number) => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'web', namespace: 'default', uid: 'rs-uid', labels: { app: 'web' } },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
});
const NAME = { namespace: 'default', name: 'web' };

test('makes Pods, counts them, replaces, scales down, each with its events', async () => {
  const bed = createTestBed('replicaset-controller');
  bed.api.seed(replicaSet(3));
  await bed.start(createReplicaSetController(bed.deps));
  const made = bed.api.objects(coreV1.Pod);
  assert.equal(made.length, 3);
  assert.match(made[0]?.metadata.name ?? '', /^web-[a-z0-9]{5}$/);
  assert.deepEqual(made[0]?.metadata.ownerReferences, [
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: 'web',
      uid: 'rs-uid',
      controller: true,
      blockOwnerDeletion: true,
    },
  ]);
  assert.equal(bed.told('web').filter((line) => line.startsWith('SuccessfulCreate: Created pod: web-')).length, 3);
  await bed.run();
  const status = () => bed.api.objects(appsV1.ReplicaSet)[0]?.status;
  assert.equal(status()?.availableReplicas, 3);

  await bed.client.delete(coreV1.Pod, made[0] as Pod, bed.ctx);
  await bed.clock.advance(100);
  assert.equal(bed.api.objects(coreV1.Pod).length, 3);

  await bed.client.patch(appsV1.ReplicaSet, NAME, { type: 'merge', body: { spec: { replicas: 1 } } }, bed.ctx);
  await bed.clock.advance(100);
  const left = bed.api.objects(coreV1.Pod);
  assert.equal(left.length, 1);
  assert.ok(left[0]?.status?.phase === 'Running', 'the one not yet running went first');
  assert.equal(bed.told('web').filter((line) => line.startsWith('SuccessfulDelete: Deleted pod: web-')).length, 2);
  await bed.stop();
});

test('a slow cache never makes a Pod twice', async () => {
  const bed = createTestBed();
  bed.api.seed(replicaSet(4));
  await bed.start(createReplicaSetController(bed.deps));
  bed.api.endWatches();
  for (let i = 0; i < 4; i++) {
    await bed.client.patch(
      appsV1.ReplicaSet,
      NAME,
      { type: 'merge', body: { metadata: { labels: { i: String(i) } } } },
      bed.ctx,
    );
    await bed.clock.advance(20_000);
  }
  assert.equal(bed.api.writes.filter((w) => w.method === 'POST' && w.plural === 'pods').length, 4);
  await bed.stop();
});

test('adopts what matches, lets go of what does not', async () => {
  const bed = createTestBed();
  const orphan = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'orphan', namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [] },
  };
  bed.api.seed(replicaSet(1), orphan);
  await bed.start(createReplicaSetController(bed.deps));
  const pods = () => bed.api.objects(coreV1.Pod);
  assert.deepEqual(
    pods().map((p) => p.metadata.ownerReferences?.[0]?.uid),
    ['rs-uid'],
  );
  const name = { namespace: 'default', name: 'orphan' };
  await bed.client.patch(
    coreV1.Pod,
    name,
    { type: 'merge', body: { metadata: { labels: { app: 'debug' } } } },
    bed.ctx,
  );
  await bed.clock.advance(100);
  assert.equal(pods().length, 2);
  assert.deepEqual(pods().find((p) => p.metadata.name === 'orphan')?.metadata.ownerReferences, []);
  await bed.stop();
});

test('a refused Pod is told once as condition and event, and tried again', async () => {
  const bed = createTestBed();
  let refuse = true;
  bed.api.intercept = ({ method, plural }) => {
    if (refuse && method === 'POST' && plural === 'pods') throw new ApiError('Forbidden', 'exceeded quota');
    return undefined;
  };
  bed.api.seed(replicaSet(5));
  await bed.start(createReplicaSetController(bed.deps));
  const set = () => bed.api.objects(appsV1.ReplicaSet)[0];
  assert.deepEqual(
    set()?.status?.conditions?.map((c) => [c.type, c.reason, c.message]),
    [['ReplicaFailure', 'FailedCreate', 'exceeded quota']],
  );
  assert.ok(bed.told('web').every((line) => line === 'FailedCreate: Error creating: exceeded quota'));
  const tried = bed.api.writes.filter((w) => w.plural === 'pods').length;
  assert.ok(tried <= 8, `slow start: one Pod per try, not five (${tried})`);
  refuse = false;
  await bed.clock.advance(2000);
  assert.equal(bed.api.objects(coreV1.Pod).length, 5);
  assert.equal(set()?.status?.conditions, undefined);
  await bed.stop();
});

test('a large set whose Pods change one by one is looked at now and then; what is wanted of it counts at once', () => {
  const set = (replicas: number, generation = 1) =>
    ({ metadata: { name: 's', generation }, spec: { replicas }, status: { replicas, observedGeneration: 1 } }) as never;
  assert.equal(restMs(set(20), 1_000, 1_000), 1);
  assert.equal(restMs(set(20), 1_000, 1_001), 0);
  assert.equal(restMs(set(19), 1_000, 1_000), 0);
  assert.equal(restMs(set(5_000), undefined, 1_000), 0);
  assert.equal(restMs(set(5_000), 1_000, 1_000), 250);
  assert.equal(restMs(set(5_000), 1_000, 1_200), 50);
  assert.equal(restMs(set(5_000), 1_000, 1_300), 0);
  assert.equal(restMs(set(5_000, 2), 1_000, 1_000), 0);
});
