/** A few cycles of kill -9 under writers; many by hand: kill-cycles.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runKillCycles } from './kill-cycles.ts';

test('kill -9 under writers: no acknowledged write is lost, no watch event is missed', async () => {
  const { lost, missed, invented, acknowledged } = await runKillCycles(5);
  assert.deepEqual({ lost, missed, invented }, { lost: [], missed: [], invented: [] });
  assert.ok(acknowledged > 300);
});
