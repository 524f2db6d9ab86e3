/** Schedules as crontab(5) and robfig/cron read them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCron } from './cron-schedule.ts';

const after = (schedule: string, from: string, zone?: string) => {
  const ms = parseCron(schedule, zone).next(Date.parse(from));
  return ms === undefined ? undefined : new Date(ms).toISOString();
};

test('finds the next time', () => {
  const rows: readonly [string, string, string][] = [
    ['*/15 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:15:00.000Z'],
    ['0 0 * * *', '2026-01-31T12:00:00Z', '2026-02-01T00:00:00.000Z'],
    ['30 4 1,15 * 5', '2026-01-01T05:00:00Z', '2026-01-02T04:30:00.000Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['0 22 * * mon-fri', '2026-01-02T23:00:00Z', '2026-01-05T22:00:00.000Z'],
    ['@hourly', '2026-01-01T00:59:59Z', '2026-01-01T01:00:00.000Z'],
    ['@every 1h30m', '2026-01-01T00:00:00Z', '2026-01-01T01:30:00.000Z'],
    ['5/20 * * * *', '2026-01-01T00:30:00Z', '2026-01-01T00:45:00.000Z'],
  ];
  for (const [schedule, from, expected] of rows) assert.equal(after(schedule, from), expected, schedule);
});

test('follows the zone over the change of summer time', () => {
  assert.equal(after('0 9 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin'), '2026-03-29T07:00:00.000Z');
  assert.equal(after('30 2 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin'), '2026-03-30T00:30:00.000Z');
});

test('says what is wrong', () => {
  assert.throws(() => parseCron('* * *'), /expected exactly 5 fields, found 3/);
  assert.throws(() => parseCron('61 * * * *'), /end of range \(61\) above maximum \(59\)/);
  assert.throws(() => parseCron('a * * * *'), /failed to parse int from a/);
  assert.throws(() => parseCron('*/0 * * * *'), /step of range should be a positive number/);
});
