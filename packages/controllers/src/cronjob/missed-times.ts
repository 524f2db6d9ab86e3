/** Which start is due and when the next one is. Pure. Source: kubernetes pkg/controller/cronjob/utils.go. */
import type { CronJob } from '@kapella/api/types/batch-v1';
import { parseTime } from '@kapella/base';
import type { CronSchedule } from './cron-schedule.ts';

/** Beyond so many missed starts a clock is more likely wrong than a controller late. */
const MISSED_MANY = 100;
/** Clocks of machines differ a little. */
const REQUEUE_PADDING_MS = 100;

export interface Recent {
  /** Where the search began. */
  readonly earliestMs: number;
  /** The last start that is due by now. */
  readonly dueMs: number | undefined;
  readonly missed: 'none' | 'few' | 'many';
}

/** Throws an Error for a schedule that never comes, such as the 31st of February. */
export function mostRecentStart(
  cronJob: CronJob,
  schedule: CronSchedule,
  nowMs: number,
  withDeadline: boolean,
): Recent {
  const earliestMs = earliestStart(cronJob, nowMs, withDeadline);
  const first = schedule.next(earliestMs);
  if (first !== undefined && nowMs < first) return { earliestMs, dueMs: undefined, missed: 'none' };
  const second = first === undefined ? undefined : schedule.next(first);
  if (first !== undefined && second !== undefined && nowMs < second)
    return { earliestMs, dueMs: first, missed: 'none' };
  const periodMs = first === undefined || second === undefined ? 0 : Math.round((second - first) / 1000) * 1000;
  if (first === undefined || periodMs < 1000)
    throw new Error('time difference between two schedules is less than 1 second');
  const count = Math.floor((nowMs - first) / periodMs) + 1;
  let dueMs: number | undefined;
  const from = schedule.next(first + (count - 2) * periodMs);
  for (let ms = from; ms !== undefined && ms <= nowMs; ms = schedule.next(ms)) dueMs = ms;
  return { earliestMs, dueMs, missed: count > MISSED_MANY ? 'many' : 'few' };
}

function earliestStart({ metadata, spec, status }: CronJob, nowMs: number, withDeadline: boolean): number {
  const sinceMs = parseTime(status?.lastScheduleTime) ?? parseTime(metadata.creationTimestamp) ?? nowMs;
  const deadlineSeconds = withDeadline ? (spec.startingDeadlineSeconds ?? undefined) : undefined;
  return deadlineSeconds === undefined ? sinceMs : Math.max(sinceMs, nowMs - deadlineSeconds * 1000);
}

/** From now until the next start; undefined when none will come. */
export function untilNextStartMs(cronJob: CronJob, schedule: CronSchedule, nowMs: number): number | undefined {
  const nextMs = schedule.next(lastStart(cronJob, schedule, nowMs));
  return nextMs === undefined ? undefined : nextMs + REQUEUE_PADDING_MS - nowMs;
}

function lastStart(cronJob: CronJob, schedule: CronSchedule, nowMs: number): number {
  try {
    const { dueMs, missed, earliestMs } = mostRecentStart(cronJob, schedule, nowMs, false);
    return dueMs ?? (missed === 'none' ? earliestMs : nowMs);
  } catch {
    return nowMs;
  }
}
