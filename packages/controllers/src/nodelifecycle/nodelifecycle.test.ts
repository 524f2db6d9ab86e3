/** Nodes that fall silent, taints by condition, zones that are down. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coordinationV1, coreV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import { formatMicroTime, formatTime } from '@kapella/base';
import { createTestBed } from '../shared/test-bed.ts';
import { createNodeLifecycleController } from './nodelifecycle.controller.ts';
import { planTaints } from './plan-node.ts';
import { paceOf } from './plan-zones.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

function node(name: string, ready?: 'True' | 'False' | 'Unknown', more: Partial<Node['spec']> = {}, zone = ''): Node {
  const time = formatTime(NOW);
  const condition = { type: 'Ready', status: ready ?? 'True', lastHeartbeatTime: time, lastTransitionTime: time };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      creationTimestamp: time,
      ...(zone !== '' && { labels: { 'topology.kubernetes.io/zone': zone } }),
    },
    spec: more,
    status: ready === undefined ? {} : { conditions: [condition] },
  };
}

const keys = (taints: readonly { key: string; effect?: string }[] | undefined) =>
  taints?.map(({ key, effect }) => `${key.slice(key.indexOf('/') + 1)}:${effect}`);

test('taints follow conditions, and those of others stay', () => {
  const mine = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' as const };
  const stale = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' as const };
  assert.equal(planTaints(node('a', 'True'), 'now', NOW), undefined);
  assert.deepEqual(keys(planTaints(node('a', 'True', { taints: [mine, stale] }), 'now', NOW)), [
    'dedicated:NoSchedule',
  ]);
  assert.deepEqual(keys(planTaints(node('a', 'Unknown'), 'now', NOW)), [
    'unreachable:NoSchedule',
    'unreachable:NoExecute',
  ]);
  assert.deepEqual(keys(planTaints(node('a', 'False'), 'not-now', NOW)), ['not-ready:NoSchedule']);
  assert.deepEqual(keys(planTaints(node('a', 'True', { unschedulable: true }), 'now', NOW)), [
    'unschedulable:NoSchedule',
  ]);
  assert.equal(planTaints(node('a'), 'now', NOW), undefined, 'a node that said nothing yet is the admission plugin’s');
  const begun = { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' as const };
  assert.deepEqual(keys(planTaints(node('a', 'Unknown', { taints: [begun] }), 'not-now', NOW)), [
    'unreachable:NoSchedule',
    'unreachable:NoExecute',
  ]);
  assert.deepEqual(keys(planTaints(node('a', 'False', { taints: [begun, stale] }), 'undo', NOW)), [
    'not-ready:NoSchedule',
  ]);
});

test('labels under their older names follow the stable ones', async () => {
  const stable = { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' };
  const beta = { 'beta.kubernetes.io/os': 'linux', 'beta.kubernetes.io/arch': 'amd64' };
  const region = { 'topology.kubernetes.io/region': 'region1' };
  const cases: readonly [labels: object | undefined, expected: object | undefined][] = [
    [undefined, undefined],
    [region, region],
    [stable, { ...stable, ...beta }],
    [
      { ...stable, 'beta.kubernetes.io/os': 'windows', 'beta.kubernetes.io/arch': 'not-amd64' },
      { ...stable, ...beta },
    ],
  ];
  for (const [labels, expected] of cases) {
    const bed = createTestBed();
    const plain = node('a', 'True');
    bed.api.seed({ ...plain, metadata: { name: 'a', creationTimestamp: formatTime(NOW), ...(labels && { labels }) } });
    await bed.start(createNodeLifecycleController(bed.deps));
    assert.deepEqual(bed.api.objects(coreV1.Node)[0]?.metadata.labels, expected);
    await bed.stop();
  }
});

test('the more of a zone is down the slower it is emptied', () => {
  const zone = (down: number, up: number) => [
    ...Array.from({ length: down }, (_, i) => node(`d${i}`, 'Unknown', {}, 'z')),
    ...Array.from({ length: up }, (_, i) => node(`u${i}`, 'True', {}, 'z')),
  ];
  assert.deepEqual(paceOf(':z', zone(1, 3)), { everyMs: 10_000 });
  assert.equal(paceOf(':z', zone(3, 2)), 'none');
  assert.deepEqual(paceOf(':z', zone(40, 20)), { everyMs: 100_000 });
  assert.equal(paceOf(':z', zone(3, 0)), 'undo');
  assert.deepEqual(paceOf(':z', [...zone(3, 0), node('other', 'True')]), { everyMs: 10_000 });
});

const pod = (nodeName: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `on-${nodeName}`, namespace: 'default' },
  spec: { nodeName, containers: [] },
  status: {
    phase: 'Running',
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Other', status: 'True' },
    ],
  },
});

test('a node without a sign of life becomes Unknown, its Pods not ready, and comes back', async () => {
  const bed = createTestBed();
  const lease = (name: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { renewTime: formatMicroTime(bed.clock.nowMs()) },
  });
  const renew = (name: string) =>
    bed.client.patch(
      coordinationV1.Lease,
      { namespace: 'kube-node-lease', name },
      { type: 'merge', body: { spec: { renewTime: formatMicroTime(bed.clock.nowMs()) } } },
      bed.ctx,
    );
  bed.api.seed(node('a', 'True'), node('b', 'True'), pod('a'), pod('b'), lease('a'), lease('b'));
  await bed.start(createNodeLifecycleController(bed.deps));
  const get = (name: string) => bed.api.objects(coreV1.Node).find((n) => n.metadata.name === name);
  for (let i = 0; i < 8; i++) {
    await bed.clock.advance(10_000);
    await renew('b');
  }
  await bed.clock.advance(1000);
  const ready = get('a')?.status?.conditions?.find((c) => c.type === 'Ready');
  assert.deepEqual([ready?.status, ready?.reason], ['Unknown', 'NodeStatusUnknown']);
  assert.deepEqual(keys(get('a')?.spec.taints), ['unreachable:NoSchedule', 'unreachable:NoExecute']);
  assert.equal(get('b')?.spec.taints, undefined);
  const podReady = bed.api.objects(coreV1.Pod).map((p) => p.status?.conditions?.[0]?.status);
  assert.deepEqual(podReady, ['False', 'True']);
  assert.deepEqual(bed.told('a'), [
    'RegisteredNode: Node a event: Registered Node a in Controller',
    'NodeNotReady: Node a status is now: NodeNotReady',
  ]);
  assert.deepEqual(bed.told('on-a'), ['NodeNotReady: Node is not ready']);

  const back = get('a');
  assert.ok(back);
  const lastHeartbeatTime = formatTime(bed.clock.nowMs());
  const conditions = node('a', 'True').status?.conditions?.map((c) => ({ ...c, lastHeartbeatTime }));
  await bed.client.patchStatus(coreV1.Node, back, { ...(conditions && { conditions }) }, bed.ctx);
  await bed.clock.advance(1000);
  assert.deepEqual(get('a')?.spec.taints, []);
  await bed.stop();
});

test('when no node at all answers, nothing is driven off', async () => {
  const bed = createTestBed();
  bed.api.seed(node('a', 'True'), node('b', 'True'));
  await bed.start(createNodeLifecycleController(bed.deps));
  await bed.clock.advance(120_000);
  for (const { spec } of bed.api.objects(coreV1.Node)) assert.deepEqual(keys(spec.taints), ['unreachable:NoSchedule']);
  await bed.stop();
});
