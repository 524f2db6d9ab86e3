/** Budgets: arithmetic as a table, owners, failures, evictions that did not happen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appsV1, coreV1, policyV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import { formatTime } from '@kapella/base';
import fc from 'fast-check';
import { createTestBed } from '../shared/test-bed.ts';
import { createDisruptionController } from './disruption.controller.ts';
import { planDisruption } from './plan-disruption.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const pod = (name: string, ready = true, owner?: object) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'web' }, ...(owner && { ownerReferences: [owner] }) },
    spec: { containers: [] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }) as unknown as Pod;
const budget = (spec: object, status?: object) =>
  ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'b', namespace: 'default', generation: 3 },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    ...(status && { status }),
  }) as unknown as PodDisruptionBudget;
const pods = (ready: number, unready = 0) => [
  ...Array.from({ length: ready }, (_, i) => pod(`r${i}`)),
  ...Array.from({ length: unready }, (_, i) => pod(`u${i}`, false)),
];

test('how many may go', () => {
  const cases: readonly [spec: object, ready: number, unready: number, scale: number, expected: object][] = [
    [{ minAvailable: 2 }, 3, 0, 0, { disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3 }],
    [{ minAvailable: 2 }, 1, 1, 0, { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 2, expectedPods: 2 }],
    [
      { minAvailable: '28%' },
      5,
      0,
      10,
      { disruptionsAllowed: 2, currentHealthy: 5, desiredHealthy: 3, expectedPods: 10 },
    ],
    [{ maxUnavailable: 1 }, 3, 0, 3, { disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3 }],
    [
      { maxUnavailable: '30%' },
      10,
      0,
      10,
      { disruptionsAllowed: 3, currentHealthy: 10, desiredHealthy: 7, expectedPods: 10 },
    ],
    [{ maxUnavailable: 5 }, 3, 0, 3, { disruptionsAllowed: 3, currentHealthy: 3, desiredHealthy: 0, expectedPods: 3 }],
    [{ minAvailable: 0 }, 0, 0, 0, { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }],
  ];
  for (const [spec, ready, unready, scale, expected] of cases) {
    const { status } = planDisruption(budget(spec), pods(ready, unready), scale, NOW);
    const { conditions, ...rest } = status;
    assert.deepEqual(rest, { observedGeneration: 3, ...expected }, JSON.stringify(spec));
    const allowed = (status.disruptionsAllowed ?? 0) > 0;
    assert.deepEqual(
      conditions?.map((c) => [c.type, c.status, c.reason]),
      [['DisruptionAllowed', allowed ? 'True' : 'False', allowed ? 'SufficientPods' : 'InsufficientPods']],
    );
  }
});

test('what is allowed never takes the healthy below what is desired', () => {
  const value = fc.oneof(
    fc.nat(20),
    fc.nat(100).map((percent) => `${percent}%`),
  );
  fc.assert(
    fc.property(value, fc.boolean(), fc.nat(20), fc.nat(20), (amount, isMin, ready, unready) => {
      const spec = isMin ? { minAvailable: amount } : { maxUnavailable: amount };
      const { status } = planDisruption(budget(spec), pods(ready, unready), ready + unready, NOW);
      const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = status;
      assert.ok(disruptionsAllowed >= 0);
      if (disruptionsAllowed > 0) assert.ok(currentHealthy - disruptionsAllowed >= desiredHealthy);
    }),
  );
});

test('an evicted Pod counts as gone for two minutes, then is told of', () => {
  const status = {
    disruptedPods: { r0: formatTime(NOW - 60_000), r1: formatTime(NOW - 130_000), other: formatTime(NOW) },
  };
  const plan = planDisruption(budget({ minAvailable: 1 }, status), pods(3), 0, NOW);
  assert.deepEqual({ ...plan.status.disruptedPods }, { r0: formatTime(NOW - 60_000) });
  assert.equal(plan.status.currentHealthy, 2);
  assert.deepEqual(
    plan.notDeleted.map((p) => p.metadata.name),
    ['r1'],
  );
  assert.equal(plan.recheckAfterMs, 60_001);
});

const ownedBy = (apiVersion: string, kind: string, name: string) => ({
  apiVersion,
  kind,
  name,
  uid: `uid-${name}`,
  controller: true,
});
const status = (bed: ReturnType<typeof createTestBed>) => bed.api.objects(policyV1.PodDisruptionBudget)[0]?.status;

test('a share is of what the Deployment wants, however many sets it has', async () => {
  const bed = createTestBed('controllermanager');
  const set = (name: string, replicas: number) => ({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      ownerReferences: [ownedBy('apps/v1', 'Deployment', 'd')],
    },
    spec: { replicas },
  });
  bed.api.seed(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', namespace: 'default', uid: 'uid-d' },
      spec: { replicas: 4 },
    },
    set('s1', 3),
    set('s2', 2),
    pod('a', true, ownedBy('apps/v1', 'ReplicaSet', 's1')),
    pod('b', true, ownedBy('apps/v1', 'ReplicaSet', 's2')),
    pod('c', true, ownedBy('apps/v1', 'ReplicaSet', 's2')),
    budget({ maxUnavailable: '50%' }),
  );
  await bed.start(createDisruptionController(bed.deps));
  assert.equal(status(bed)?.expectedPods, 4);
  assert.equal(status(bed)?.disruptionsAllowed, 1);
  const name = { namespace: 'default', name: 'a' };
  const body = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
  await bed.client.patch(coreV1.Pod, name, { type: 'merge', body }, bed.ctx, { subresource: 'status' });
  await bed.clock.advance(1000);
  assert.equal(status(bed)?.disruptionsAllowed, 0);
  await bed.client.patch(
    appsV1.Deployment,
    { namespace: 'default', name: 'd' },
    { type: 'merge', body: { spec: { replicas: 2 } } },
    bed.ctx,
  );
  await bed.clock.advance(1000);
  assert.equal(status(bed)?.disruptionsAllowed, 1);
  await bed.stop();
});

test('owners of any kind by their scale; none at all is told; unknown ones allow nothing', async () => {
  const bed = createTestBed('controllermanager');
  bed.api.intercept = ({ root, plural, subresource }) => {
    if (root === '/apis/example.com/v1' && plural === '')
      return {
        resources: [
          { name: 'things', kind: 'Thing' },
          { name: 'things/scale', kind: 'Scale' },
        ],
      };
    if (subresource === 'scale') return { metadata: { uid: 'uid-t' }, spec: { replicas: 5 } };
    return undefined;
  };
  bed.api.seed(pod('a', true, ownedBy('example.com/v1', 'Thing', 't')), pod('free'), budget({ maxUnavailable: 4 }));
  await bed.start(createDisruptionController(bed.deps));
  assert.equal(status(bed)?.expectedPods, 5);
  assert.equal(status(bed)?.disruptionsAllowed, 1);
  assert.match(bed.told('b')[0] ?? '', /^UnmanagedPods: .*"matchLabels":\{"app":"web"\}.* were found to be unmanaged/);

  await bed.client.create(coreV1.Pod, pod('odd', true, ownedBy('example.com/v1', 'Other', 'o')) as never, bed.ctx);
  await bed.clock.advance(1000);
  assert.equal(status(bed)?.disruptionsAllowed, 0);
  assert.deepEqual(
    status(bed)?.conditions?.map((c) => [c.reason, c.message]),
    [['SyncFailed', 'found no controllers for pod "odd"']],
  );
  await bed.stop();
});
