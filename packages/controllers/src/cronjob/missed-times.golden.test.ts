/** Which start is due, case by case. Cases and results: upstream's cronjob/utils_test.go, TestMostRecentScheduleTime. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob } from '@kapella/api/types/batch-v1';
import { formatTime } from '@kapella/base';
import { parseCron } from './cron-schedule.ts';
import { mostRecentStart } from './missed-times.ts';

/** A Thursday. */
const HOUR_MS = Date.parse('2016-05-19T10:00:00Z');
const at = (minutes: number) => HOUR_MS + minutes * 60_000;

/** Times are minutes after the full hour. */
interface Case {
  readonly why: string;
  readonly schedule: string;
  readonly created: number;
  readonly last?: number;
  readonly deadlineSeconds?: number;
  readonly withDeadline?: boolean;
  readonly now: number;
  readonly due?: number;
  readonly earliest: number;
  readonly missed?: 'few' | 'many';
}

const WORKDAYS = '30 6-16/4 * * 1-5';
const CASES: readonly Case[] = [
  { why: 'before the next', schedule: '0 * * * *', created: 0, now: 0.5, earliest: 0 },
  { why: 'just after it', schedule: '0 * * * *', created: 0, now: 61, due: 60, earliest: 0 },
  { why: 'five missed', schedule: '0 * * * *', created: 1 / 6, now: 301, due: 300, earliest: 1 / 6, missed: 'few' },
  { why: 'a day later', schedule: WORKDAYS, created: 0, last: 30, now: 1471, due: 1470, earliest: 30, missed: 'few' },
  { why: 'a weekend', schedule: WORKDAYS, created: 0, last: 30, now: 5791, due: 5790, earliest: 30, missed: 'few' },
  { why: 'never run', schedule: WORKDAYS, created: 0, now: 1471, due: 1470, earliest: 0, missed: 'few' },
  {
    why: 'gaps of two kinds',
    schedule: '30 10,11,12 * * 1-5',
    created: 0,
    last: 30,
    now: 1830,
    earliest: 30,
    missed: 'few',
  },
  {
    ...{ why: 'a week of hours', schedule: '@every 1h', created: -59, last: 1, deadlineSeconds: 10 },
    ...{ now: 10_080, due: 10_021, earliest: 1, missed: 'many' },
  },
  { why: 'last is creation', schedule: '0 * * * *', created: 0, last: 0, now: 0.5, earliest: 0 },
  { why: 'since the last', schedule: '*/5 * * * *', created: 0, last: 30, now: 31, earliest: 30 },
  { why: 'a deadline', schedule: '*/5 * * * *', created: 0, last: 30, deadlineSeconds: 60, now: 31, earliest: 30 },
  {
    ...{ why: 'after the deadline', schedule: '*/5 * * * *', created: 0, last: 30, deadlineSeconds: 60 },
    ...{ withDeadline: true, now: 32, earliest: 31 },
  },
];

const cronJobOf = ({ created, last, deadlineSeconds }: Pick<Case, 'created' | 'last' | 'deadlineSeconds'>): CronJob =>
  ({
    metadata: { creationTimestamp: formatTime(at(created)) },
    spec: { ...(deadlineSeconds !== undefined && { startingDeadlineSeconds: deadlineSeconds }) },
    status: { ...(last !== undefined && { lastScheduleTime: formatTime(at(last)) }) },
  }) as unknown as CronJob;

test('the start that is due', () => {
  for (const { why, schedule, now, withDeadline = false, due, earliest, missed = 'none', ...rest } of CASES) {
    const recent = mostRecentStart(cronJobOf(rest), parseCron(schedule), at(now), withDeadline);
    const dueMs = due === undefined ? undefined : at(due);
    assert.deepEqual(recent, { earliestMs: at(earliest), dueMs, missed }, `${why}: ${schedule}`);
  }
  const never = parseCron('59 23 31 2 *');
  assert.throws(() => mostRecentStart(cronJobOf({ created: 1 / 6 }), never, at(60), false));
});
