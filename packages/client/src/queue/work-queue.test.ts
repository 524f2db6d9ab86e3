/** The queue's promises: no key twice at once, none lost, back-off doubles. */
import assert from 'node:assert/strict';
import { createVirtualClock } from '@kapella/base';
import { test } from 'node:test';
import fc from 'fast-check';
import { createWorkQueue } from './work-queue.ts';

test('a key added while in work comes again once, after done', async () => {
  const queue = createWorkQueue(createVirtualClock());
  queue.add('a');
  queue.add('a');
  assert.equal(await queue.next(), 'a');
  queue.add('a');
  queue.add('a');
  assert.equal(queue.length, 0);
  queue.done('a');
  assert.equal(queue.length, 1);
  assert.equal(await queue.next(), 'a');
  queue.done('a');
  assert.equal(queue.length, 0);
});

test('back-off doubles up to the maximum and starts anew after forget', async () => {
  const clock = createVirtualClock();
  const queue = createWorkQueue(clock, { delayMinMs: 5, delayMaxMs: 40 });
  for (const delayMs of [5, 10, 20, 40, 40]) {
    queue.addRateLimited('a');
    await clock.advance(delayMs - 1);
    assert.equal(queue.length, 0, `not before ${delayMs}`);
    await clock.advance(1);
    assert.equal(await queue.next(), 'a');
    queue.done('a');
  }
  assert.equal(queue.retriesOf('a'), 5);
  queue.forget('a');
  queue.addRateLimited('a');
  await clock.advance(5);
  assert.equal(queue.length, 1);
});

test('the earliest of several delays counts', async () => {
  const clock = createVirtualClock();
  const queue = createWorkQueue(clock);
  queue.addAfter('a', 100);
  queue.addAfter('a', 10);
  queue.addAfter('a', 50);
  await clock.advance(10);
  assert.equal(await queue.next(), 'a');
  queue.done('a');
  await clock.advance(200);
  assert.equal(queue.length, 0);
});

test('shut down, it hands out nothing more', async () => {
  const queue = createWorkQueue(createVirtualClock());
  const waiting = queue.next();
  queue.shutDown();
  assert.equal(await waiting, undefined);
  queue.add('a');
  assert.equal(await queue.next(), undefined);
});

test('whatever the order of adds and dones, no key is in work twice and none is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), what: fc.constantFrom('add', 'next', 'done') })),
      async (steps) => {
        const queue = createWorkQueue(createVirtualClock());
        const inWork = new Set<string>();
        const owed = new Set<string>();
        for (const { key, what } of steps) {
          if (what === 'add') {
            queue.add(key);
            owed.add(key);
          } else if (what === 'next' && queue.length > 0) {
            const got = (await queue.next()) ?? '';
            assert.ok(!inWork.has(got));
            inWork.add(got);
            owed.delete(got);
          } else if (what === 'done' && inWork.delete(key)) queue.done(key);
        }
        for (const key of inWork) queue.done(key);
        const rest = new Set<string>();
        while (queue.length > 0) rest.add((await queue.next()) ?? '');
        assert.deepEqual(rest, owed);
      },
    ),
  );
});
