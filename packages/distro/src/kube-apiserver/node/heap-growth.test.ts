import assert from 'node:assert/strict';
import { test } from 'node:test';
import { growthPercent } from './heap-growth.ts';

test('a heap grows by 40 MB, a small one at most fourfold, a large one by two fifths at least', () => {
  assert.equal(growthPercent(40e6), 100);
  assert.equal(growthPercent(80e6), 50);
  assert.equal(growthPercent(10e6), 300);
  assert.equal(growthPercent(0), 300);
  assert.equal(growthPercent(1e9), 40);
});
