/** Back-off of Jobs and their indexes, case by case. Cases and results: upstream's backoff_utils_test.go, indexed_job_utils_test.go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { formatTime } from '@kapella/base';
import { NO_FAILURES, nextRecord, remainingMs } from './backoff.ts';
import { formatIntervals, parseIntervals, withIndexes } from './intervals.ts';

const NOW_MS = Date.parse('2009-11-10T23:00:00Z');

const ended = (secondsAgo: number): Pod => {
  const finishedAt = formatTime(NOW_MS - secondsAgo * 1000);
  return {
    metadata: { name: 'p' },
    spec: { containers: [] },
    status: { containerStatuses: [{ name: 'c', state: { terminated: { finishedAt } } }] },
  } as unknown as Pod;
};

test('the record after Pods have ended', () => {
  const cases: readonly [before: number, succeeded: readonly number[], failed: readonly number[], failures: number][] =
    [
      [0, [], [0], 1],
      [0, [], [0, 1], 2],
      [0, [0], [2, 1], 0],
      [0, [2], [0, 4, 3, 1], 2],
      [2, [], [0], 3],
      [0, [0], [0], 0],
      [0, [], [], 0],
      [0, [0], [], 0],
    ];
  for (const [before, succeeded, failed, failures] of cases) {
    const record = nextRecord(
      { ...NO_FAILURES, failuresAfterLastSuccess: before },
      succeeded.map(ended),
      failed.map(ended),
    );
    const expected = { failuresAfterLastSuccess: failures, lastFailureMs: failures === 0 ? 0 : NOW_MS };
    assert.deepEqual(record, expected, `${before}: ${succeeded} and ${failed}`);
  }
});

test('how long is left to wait: 10 s, doubled up to 10 minutes', () => {
  const cases: readonly [failures: number, passedSeconds: number, leftSeconds: number][] = [
    [0, 0, 0],
    [1, 0, 10],
    [1, 1, 9],
    [1, 10, 0],
    [1, 11, 0],
    [3, 0, 40],
    [6, 0, 320],
    [7, 0, 600],
    [9, 0, 600],
  ];
  for (const [failuresAfterLastSuccess, passed, left] of cases) {
    const record = { failuresAfterLastSuccess, lastFailureMs: NOW_MS };
    assert.equal(remainingMs(record, NOW_MS + passed * 1000), left * 1000, `${failuresAfterLastSuccess}, ${passed}`);
  }
});

test('indexes that succeeded before and now', () => {
  const cases: readonly [before: string, now: readonly number[], completions: number, after: string][] = [
    ['', [1], 2, '1'],
    ['', [5, 5, 10], 11, '5,10'],
    ['', [2, 3, 5, 6, 7], 8, '2,3,5-7'],
    ['', [0, 2, 3, 4, 5], 6, '0,2-5'],
    ['0-5,8-10', [], 8, '0-5'],
    ['0-5,8-10', [], 10, '0-5,8,9'],
    ['0,4,5,10-12', [2, 7, 8], 13, '0,2,4,5,7,8,10-12'],
    ['3,4,6', [2, 7, 8], 9, '2-4,6-8'],
    ['2,7,8', [3, 4, 6], 9, '2-4,6-8'],
    ['2-7', [0, 3, 5, 9], 10, '0,2-7,9'],
    ['0,1-foo,bar', [3], 4, '0,3'],
  ];
  for (const [before, now, completions, after] of cases) {
    const text = formatIntervals(withIndexes(parseIntervals(before, completions), now));
    assert.equal(text, after, `${before} and ${now} of ${completions}`);
  }
});
