import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTime } from './clock.ts';

test('times are whole seconds of UTC, whatever was formatted before', () => {
  const ms = Date.UTC(2026, 0, 2, 3, 4, 5);
  assert.equal(formatTime(ms), '2026-01-02T03:04:05Z');
  assert.equal(formatTime(ms + 999), '2026-01-02T03:04:05Z');
  assert.equal(formatTime(ms + 1000), '2026-01-02T03:04:06Z');
  assert.equal(formatTime(ms), '2026-01-02T03:04:05Z');
  assert.equal(formatTime(-1), '1969-12-31T23:59:59Z');
});

test('what is no time is an error, and not the time of before', () => {
  formatTime(0);
  assert.throws(() => formatTime(Number.NaN), RangeError);
  assert.throws(() => formatTime(Number.POSITIVE_INFINITY), RangeError);
  assert.throws(() => formatTime(Number.POSITIVE_INFINITY), RangeError);
});
