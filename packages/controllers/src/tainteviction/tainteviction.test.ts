/** When Pods leave a tainted node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { formatTime } from '@kapella/base';
import { createTestBed } from '../shared/test-bed.ts';
import { createTaintEvictionController, stayMs } from './tainteviction.controller.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const taint = { key: 'k', value: 'v', effect: 'NoExecute' as const, timeAdded: formatTime(NOW) };

test('the shortest of all tolerations counts; none at all is at once', () => {
  const other = { ...taint, key: 'other' };
  const exists = (key: string, tolerationSeconds?: number) => ({
    key,
    operator: 'Exists' as const,
    ...(tolerationSeconds !== undefined && { tolerationSeconds }),
  });
  const cases: readonly [taints: object[], tolerations: object[], expected: number | undefined][] = [
    [[], [], undefined],
    [[{ ...taint, effect: 'NoSchedule' }], [], undefined],
    [[taint], [], 0],
    [[taint], [exists('k')], undefined],
    [[taint], [exists('k', 30)], 30_000],
    [[taint], [exists('k', -5)], 0],
    [[taint], [{ key: 'k', value: 'v' }], undefined],
    [[taint], [{ key: 'k', value: 'x' }], 0],
    [[taint], [{ operator: 'Exists' }], undefined],
    [[taint, other], [exists('k', 30)], 0],
    [[taint, other], [exists('k', 30), exists('other', 10)], 10_000],
    [[taint, other], [exists('k'), exists('other', 10)], 10_000],
  ];
  for (const [taints, tolerations, expected] of cases) {
    assert.equal(stayMs(taints as never, tolerations as never), expected, JSON.stringify([taints, tolerations]));
  }
});

test('evicts in time, tells why, and not when the taint goes first', async () => {
  const bed = createTestBed();
  const pod = (name: string, tolerations: object[]) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'n', containers: [], tolerations },
  });
  const wait = (tolerationSeconds: number) => [{ key: 'k', operator: 'Exists', tolerationSeconds }];
  bed.api.seed(
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec: {} },
    pod('now', []),
    pod('soon', wait(30)),
    pod('late', wait(300)),
  );
  await bed.start(createTaintEvictionController(bed.deps));
  const left = () => bed.names(bed.api.objects(coreV1.Pod));
  assert.equal(left().length, 3);
  const taints = [{ ...taint, timeAdded: formatTime(bed.clock.nowMs()) }];
  await bed.client.patch(coreV1.Node, { name: 'n' }, { type: 'merge', body: { spec: { taints } } }, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(left(), ['default/late', 'default/soon']);
  assert.deepEqual(bed.told('now'), ['TaintManagerEviction: Marking for deletion Pod default/now']);
  const patch = bed.api.writes.find((w) => w.subresource === 'status');
  assert.equal(patch?.body.status.conditions[0].reason, 'DeletionByTaintManager');
  await bed.clock.advance(31_000);
  assert.deepEqual(left(), ['default/late']);
  await bed.client.patch(coreV1.Node, { name: 'n' }, { type: 'merge', body: { spec: { taints: [] } } }, bed.ctx);
  await bed.clock.advance(600_000);
  assert.deepEqual(left(), ['default/late']);
  assert.deepEqual(bed.told('late'), ['TaintManagerEviction: Cancelling deletion of Pod default/late']);
  await bed.stop();
});

test('a taint without a time counts from when it is seen, and on an old taint a new Pod has all of its time', async () => {
  const bed = createTestBed();
  const tolerations = [{ key: 'k', operator: 'Exists', tolerationSeconds: 30 }];
  const pod = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'n', containers: [], tolerations },
  });
  const { timeAdded: _, ...timeless } = taint;
  bed.api.seed({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec: { taints: [timeless] } }, pod('first'));
  await bed.start(createTaintEvictionController(bed.deps));
  const left = () => bed.names(bed.api.objects(coreV1.Pod));
  await bed.clock.advance(29_000);
  assert.deepEqual(left(), ['default/first']);
  await bed.clock.advance(2_000);
  assert.deepEqual(left(), []);

  const old = [{ ...taint, timeAdded: formatTime(bed.clock.nowMs() - 600_000) }];
  await bed.client.patch(coreV1.Node, { name: 'n' }, { type: 'merge', body: { spec: { taints: old } } }, bed.ctx);
  await bed.client.create(coreV1.Pod, pod('second') as never, bed.ctx);
  await bed.clock.advance(28_000);
  assert.deepEqual(left(), ['default/second']);
  await bed.clock.advance(4_000);
  assert.deepEqual(left(), []);
  await bed.stop();
});
