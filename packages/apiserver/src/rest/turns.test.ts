/** Who works at length waits for a turn of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock, createTestCtx } from '../test-support.ts';
import { createTurns } from './turns.ts';

test('the first goes at once, the others one a turn and in order, and then the first again', async () => {
  const clock = createTestClock();
  const ctx = createTestCtx(clock);
  const turns = createTurns();
  const done: string[] = [];
  assert.equal(turns.take(ctx), undefined);
  for (const name of ['a', 'b']) void turns.take(ctx)?.then(() => done.push(name));
  for (const expected of [['a'], ['a', 'b'], ['a', 'b']]) {
    clock.advance(0);
    await Promise.resolve();
    assert.deepEqual(done, expected);
  }
  assert.equal(turns.take(ctx), undefined);
});
