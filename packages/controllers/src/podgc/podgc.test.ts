/** Which Pods are collected, and what is written on them before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { createTestBed } from '../shared/test-bed.ts';
import { planPodGc } from './plan-podgc.ts';
import { createPodGcController } from './podgc.controller.ts';

function pod(name: string, nodeName: string, phase: string, more: object = {}, reason?: string): Pod {
  const metadata = {
    name,
    namespace: 'default',
    uid: name,
    resourceVersion: '1',
    creationTimestamp: `2026-01-01T00:00:0${name.length}Z`,
    ...more,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [], nodeName },
    status: { phase, reason },
  } as Pod;
}
const node = (name: string, taints: object[] = []) =>
  ({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { taints }, status: {} }) as unknown as Node;
const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };

test('only the surplus of finished Pods goes: evicted first, then the oldest', () => {
  const pods = [
    pod('ccc', 'n', 'Succeeded'),
    pod('a', 'n', 'Failed'),
    pod('bb', 'n', 'Succeeded'),
    pod('dddd', 'n', 'Failed', {}, 'Evicted'),
  ];
  const nodes = new Map([['n', node('n')]]);
  const plan = planPodGc({ pods, nodes, missingSinceMs: new Map(), nowMs: 0, finishedMax: 2 });
  assert.deepEqual(
    plan.map(({ pod, why }) => [pod.metadata.name, why]),
    [
      ['dddd', 'finished'],
      ['a', 'finished'],
    ],
  );
});

test('Pods of missing nodes after quarantine, never placed ones when deleted, those out of service', () => {
  const taint = { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' };
  const pods = [
    pod('gone', 'old', 'Running'),
    pod('fresh', 'new', 'Running'),
    pod('unplaced', '', 'Pending', going),
    pod('waiting', '', 'Pending'),
    pod('dead', 'out', 'Running', going),
    pod('alive', 'out', 'Running'),
  ];
  const missingSinceMs = new Map([
    ['old', 0],
    ['new', 39_000],
  ]);
  const nodes = new Map([['out', node('out', [taint])]]);
  const plan = planPodGc({ pods, nodes, missingSinceMs, nowMs: 40_000, finishedMax: 12_500 });
  assert.deepEqual(Object.fromEntries(plan.map(({ pod, why }) => [pod.metadata.name, why])), {
    gone: 'orphaned',
    unplaced: 'unplaced',
    dead: 'out-of-service',
  });
});

test('a Pod whose node is gone ends as failed by disruption, so that its Job counts it', async () => {
  const bed = createTestBed();
  bed.api.seed(pod('p', 'gone', 'Running'), pod('q', 'n', 'Running'), node('n'));
  await bed.start(createPodGcController(bed.deps));
  await bed.clock.advance(35_000);
  assert.equal(bed.api.objects(coreV1.Pod).length, 2);
  await bed.clock.advance(30_000);
  assert.deepEqual(bed.names(bed.api.objects(coreV1.Pod)), ['default/q']);
  const patch = bed.api.writes.find((w) => w.method === 'PATCH' && w.subresource === 'status');
  assert.equal(patch?.body.status.phase, 'Failed');
  assert.deepEqual(
    [patch?.body.status.conditions[0].type, patch?.body.status.conditions[0].reason],
    ['DisruptionTarget', 'DeletionByPodGC'],
  );
  await bed.stop();
});
