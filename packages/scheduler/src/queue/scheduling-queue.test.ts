/** The queue on a virtual clock: who comes first, who waits for what. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { createVirtualClock } from '@kapella/base';
import type { ClusterEvent } from '../framework/cluster-events.ts';
import { defaultProfile } from '../test-support.ts';
import { SchedulingQueue, type Waiting } from './scheduling-queue.ts';

const pod = (name: string, priority = 0, spec: object = {}) =>
  ({ metadata: { name, namespace: 'd' }, spec: { priority, containers: [], ...spec } }) as unknown as Pod;

const UNSCHEDULED = new Set(['NodeResourcesFit']);
const POD_GONE = {
  resource: 'AssignedPod',
  action: 'Delete',
  old: { ...pod('gone'), spec: { nodeName: 'n1' } },
} as unknown as ClusterEvent;
const LABELLED = { resource: 'Node', action: 'UpdateNodeLabel' } as ClusterEvent;

function setUp() {
  const clock = createVirtualClock();
  const profile = defaultProfile();
  const queue = new SchedulingQueue({
    clock,
    profileOf: () => profile,
    compare: (a, b) => profile.queueSort.compare?.(a, b) ?? 0,
    backoffMsMin: 1_000,
    backoffMsMax: 10_000,
  });
  const pop = () => queue.pop() as Waiting;
  return { clock, queue, pop, next: () => queue.pop()?.state.pod.metadata.name };
}

test('the most important first, then the longest waiting', () => {
  const { queue, next } = setUp();
  for (const p of [pod('a'), pod('b', 10), pod('c')]) queue.set(p);
  assert.deepEqual([next(), next(), next(), next()], ['b', 'a', 'c', undefined]);
});

test('an unschedulable Pod waits for an event of the plugin that refused it; idle time is not waited out', async () => {
  const { clock, queue, next, pop } = setUp();
  queue.set(pod('a'));
  queue.refused(pop(), UNSCHEDULED);
  queue.wake(LABELLED);
  await clock.advance(20_000);
  assert.equal(next(), undefined);
  queue.wake(POD_GONE);
  queue.refused(pop(), UNSCHEDULED);
  queue.wake(POD_GONE);
  assert.equal(queue.count('backoff'), 1);
  assert.equal(next(), 'a', 'nothing else is active: it is tried before its back-off is over');
});

test('a Pod that backs off comes after those that do not', async () => {
  const { clock, queue, next, pop } = setUp();
  queue.set(pod('a', 10));
  queue.refused(pop(), UNSCHEDULED);
  queue.wake(POD_GONE);
  queue.set(pod('b'));
  assert.equal(next(), 'b');
  await clock.advance(1_000);
  assert.equal(queue.count('active'), 1);
  assert.equal(next(), 'a');
});

test('without any event it is tried again after five minutes', async () => {
  const { clock, queue, next, pop } = setUp();
  queue.set(pod('a'));
  queue.refused(pop(), UNSCHEDULED);
  await clock.advance(299_000);
  assert.equal(next(), undefined);
  await clock.advance(32_000);
  assert.equal(next(), 'a');
  queue.close();
  assert.equal(clock.pending, 0);
});

test('an event that comes while the Pod is being decided is not lost', () => {
  const { queue, pop } = setUp();
  queue.set(pod('a'));
  const waiting = pop();
  queue.wake(POD_GONE);
  queue.refused(waiting, UNSCHEDULED);
  assert.equal(queue.count('backoff'), 1);
  assert.equal(queue.inFlightEventCount, 0);
});

test('after an error the back-off is waited out, and grows', async () => {
  const { clock, queue, next, pop } = setUp();
  queue.set(pod('a'));
  queue.failed(pop());
  assert.equal(next(), undefined);
  await clock.advance(1_000);
  queue.failed(pop());
  await clock.advance(1_999);
  assert.equal(next(), undefined);
  await clock.advance(1);
  assert.equal(next(), 'a');
});

test('a gated Pod is not tried until its gates are gone; a deleted one never', async () => {
  const { clock, queue, next } = setUp();
  queue.set(pod('g', 0, { schedulingGates: [{ name: 'x' }] }));
  assert.equal(next(), undefined);
  assert.equal(queue.count('gated'), 1);
  queue.set(pod('g'));
  const waiting = queue.pop() as Waiting;
  assert.equal(waiting.state.pod.metadata.name, 'g');
  queue.failed(waiting);
  queue.delete('d/g');
  await clock.advance(60_000);
  assert.equal(next(), undefined);
  queue.close();
  assert.equal(clock.pending, 0);
});

test('its own status does not wake a Pod, a toleration that the plugin waits for does', async () => {
  const { clock, queue, next, pop } = setUp();
  queue.set(pod('a'));
  queue.refused(pop(), new Set(['TaintToleration']));
  await clock.advance(5_000);
  queue.set({ ...pod('a'), status: { phase: 'Pending' } } as Pod);
  assert.equal(next(), undefined);
  queue.set(pod('a', 0, { tolerations: [{ operator: 'Exists' }] }));
  assert.equal(next(), 'a');
});

test('an event that came before room was made for it does not have a Pod tried either', () => {
  const { queue, next, pop } = setUp();
  queue.set(pod('a'));
  const waiting = pop();
  queue.wake(POD_GONE);
  queue.setPreempting(waiting, true);
  queue.refused(waiting, UNSCHEDULED);
  assert.equal(next(), undefined);
  queue.setPreempting(waiting, false);
  assert.equal(next(), 'a');
});

test('while room is made for it a Pod is not tried', () => {
  const { queue, next, pop } = setUp();
  queue.set(pod('a'));
  const waiting = pop();
  queue.refused(waiting, UNSCHEDULED);
  queue.setPreempting(waiting, true);
  queue.wake(POD_GONE);
  assert.equal(next(), undefined);
  queue.setPreempting(waiting, false);
  assert.equal(next(), 'a');
});
