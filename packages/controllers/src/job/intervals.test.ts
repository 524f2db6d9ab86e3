/** Intervals behave as the sets they stand for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  countCommon,
  firstFree,
  formatIntervals,
  hasIndex,
  parseIntervals,
  totalOf,
  withIndexes,
} from './intervals.ts';

const index = fc.integer({ min: 0, max: 40 });
const indexes = fc.uniqueArray(index, { maxLength: 30 });

test('written as upstream writes them', () => {
  assert.equal(formatIntervals(withIndexes([], [1, 3, 4, 5, 7, 9, 10])), '1,3-5,7,9,10');
  assert.equal(formatIntervals(parseIntervals('1,2,x,4-9', 7)), '1,2,4-6');
});

test('sets: text and back, membership, union, free indexes', () => {
  fc.assert(
    fc.property(indexes, indexes, fc.nat(10), (a, b, count) => {
      const [left, right] = [withIndexes([], a), withIndexes([], b)];
      assert.deepEqual(parseIntervals(formatIntervals(left), 41), left);
      assert.equal(totalOf(left), a.length);
      assert.equal(totalOf(withIndexes(left, b)), new Set([...a, ...b]).size);
      assert.equal(countCommon(left, right), a.filter((one) => b.includes(one)).length);
      for (let i = 0; i <= 40; i++) assert.equal(hasIndex(left, i), a.includes(i));
      const free = Array.from({ length: 20 }, (_, i) => i)
        .filter((i) => !a.includes(i))
        .slice(0, count);
      assert.deepEqual(firstFree(left, count, 20), free);
    }),
  );
});
