/** The queue on a virtual clock: who comes first, who waits for what. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { createVirtualClock } from '@kapella/base';
import { SchedulingQueue } from './scheduling-queue.ts';

const pod = (name: string, priority = 0, spec: object = {}) =>
  ({ metadata: { name, namespace: 'd' }, spec: { priority, containers: [], ...spec } }) as unknown as Pod;

function setUp() {
  const clock = createVirtualClock();
  const queue = new SchedulingQueue(clock, (p) => (p.spec.schedulingGates?.length ? 'gated' : undefined));
  return { clock, queue, next: () => queue.pop()?.pod.metadata.name };
}

test('the most important first, then the longest waiting', () => {
  const { queue, next } = setUp();
  for (const p of [pod('a'), pod('b', 10), pod('c')]) queue.set(p);
  assert.deepEqual([next(), next(), next(), next()], ['b', 'a', 'c', undefined]);
});

test('an unschedulable Pod waits for an event that can help, and for its back-off', async () => {
  const { clock, queue, next } = setUp();
  queue.set(pod('a'));
  next();
  queue.unschedulable('d/a', new Set(['pod.delete']));
  queue.wake('node.labels');
  await clock.advance(20_000);
  assert.equal(next(), undefined);
  queue.wake('pod.delete');
  assert.equal(next(), 'a');
  queue.unschedulable('d/a', new Set(['pod.delete']));
  queue.wake('pod.delete');
  assert.equal(next(), undefined, 'still backing off');
  await clock.advance(2_000);
  assert.equal(next(), 'a');
});

test('without any event it is tried again after five minutes', async () => {
  const { clock, queue, next } = setUp();
  queue.set(pod('a'));
  next();
  queue.unschedulable('d/a', new Set());
  await clock.advance(299_000);
  assert.equal(next(), undefined);
  await clock.advance(2_000);
  assert.equal(next(), 'a');
});

test('a gated Pod is not tried until its gates are gone; a deleted one never', async () => {
  const { clock, queue, next } = setUp();
  queue.set(pod('g', 0, { schedulingGates: [{ name: 'x' }] }));
  assert.equal(next(), undefined);
  queue.set(pod('g'));
  assert.equal(next(), 'g');
  queue.retry('d/g');
  queue.delete('d/g');
  await clock.advance(60_000);
  assert.equal(next(), undefined);
  assert.equal(clock.pending, 0);
});

test('its own status does not wake a Pod, a change of its spec does', async () => {
  const { clock, queue, next } = setUp();
  queue.set(pod('a'));
  next();
  queue.unschedulable('d/a', new Set(['pod.update']));
  await clock.advance(5_000);
  queue.set({ ...pod('a'), status: { phase: 'Pending' } } as Pod);
  assert.equal(next(), undefined);
  queue.set(pod('a', 0, { tolerations: [{ operator: 'Exists' }] }));
  assert.equal(next(), 'a');
});
