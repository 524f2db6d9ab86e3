/** What a CronJob does now. Pure. Source: kubernetes pkg/controller/cronjob/cronjob_controllerv2.go. */
import { batchV1, type NewObject } from '@kapella/api';
import type { CronJob, CronJobStatus, Job } from '@kapella/api/types/batch-v1';
import type { ObjectReference } from '@kapella/api/types/core-v1';
import { formatTime, parseTime } from '@kapella/base';
import { controllerRef } from '@kapella/controller';
import { type CronSchedule, parseCron } from './cron-schedule.ts';
import { mostRecentStart, untilNextStartMs } from './missed-times.ts';
import { formatInZone, formatRfc1123, isKnownZone } from './zone-time.ts';

export interface Told {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

const warning = (reason: string, message: string): Told => ({ type: 'Warning', reason, message });
const normal = (reason: string, message: string): Told => ({ type: 'Normal', reason, message });

/** The type of the condition that says that the Job is over. */
export function endOf(job: Job): 'Complete' | 'Failed' | undefined {
  const over = (job.status?.conditions ?? []).find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
  return over?.type as 'Complete' | 'Failed' | undefined;
}

/** Finished Jobs beyond the limits, those begun first. */
export function planCleanup(cronJob: CronJob, jobs: readonly Job[]): readonly Job[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  const beyond = (end: string, limit: number | undefined) => {
    if (limit === undefined || limit === null) return [];
    const ended = jobs.filter((job) => endOf(job) === end).toSorted(byStart);
    return ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [...beyond('Complete', successfulJobsHistoryLimit), ...beyond('Failed', failedJobsHistoryLimit)];
}

function byStart(a: Job, b: Job): number {
  const [left, right] = [parseTime(a.status?.startTime), parseTime(b.status?.startTime)];
  if (left !== right) return (left ?? Number.POSITIVE_INFINITY) - (right ?? Number.POSITIVE_INFINITY);
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

export interface Bookkeeping {
  readonly status: CronJobStatus;
  readonly changed: boolean;
  readonly events: readonly Told[];
  /** Running Jobs that the status does not know. */
  readonly unexpected: readonly Job[];
  /** Active Jobs that the cache does not show: gone, unless the server says otherwise. */
  readonly missing: readonly ObjectReference[];
}

/** Compares the status with the Jobs that there are. */
export function planBookkeeping(status: CronJobStatus, jobs: readonly Job[]): Bookkeeping {
  let { active = [], lastSuccessfulTime } = status;
  let changed = false;
  const events: Told[] = [];
  const unexpected: Job[] = [];
  for (const job of jobs) {
    const { uid, name } = job.metadata;
    const isActive = active.some((ref) => ref.uid === uid);
    const end = endOf(job);
    if (end === undefined) {
      if (!isActive) unexpected.push(job);
      continue;
    }
    if (isActive) {
      active = active.filter((ref) => ref.uid !== uid);
      events.push(normal('SawCompletedJob', `Saw completed job: ${name}, condition: ${end}`));
      changed = true;
    }
    const completed = job.status?.completionTime;
    const isLater = (parseTime(completed) ?? 0) > (parseTime(lastSuccessfulTime) ?? 0);
    if (end === 'Complete' && isLater && completed !== undefined) {
      lastSuccessfulTime = completed;
      changed = true;
    }
  }
  const known = new Set(jobs.map((job) => job.metadata.uid));
  const missing = active.filter((ref) => !known.has(ref.uid ?? ''));
  const next = { ...status, active, ...(lastSuccessfulTime !== undefined && { lastSuccessfulTime }) };
  return { status: next, changed, events, unexpected, missing };
}

export interface StartPlan {
  readonly events: readonly Told[];
  /** When to make a Job for; undefined when none is due or allowed. */
  readonly startMs: number | undefined;
  /** Jobs that must go first. */
  readonly replace: readonly ObjectReference[];
  readonly requeueAfterMs: number | undefined;
}

/** `cronJob` with its status as it is after bookkeeping. */
export function planStart(cronJob: CronJob, nowMs: number): StartPlan {
  const events: Told[] = [];
  const nothing = (...told: Told[]): StartPlan => ({
    events: [...events, ...told],
    startMs: undefined,
    replace: [],
    requeueAfterMs: undefined,
  });
  const { spec } = cronJob;
  if (cronJob.metadata.deletionTimestamp !== undefined) return nothing();
  if (spec.timeZone !== undefined && spec.timeZone !== null && !isKnownZone(spec.timeZone)) {
    const message = `invalid timeZone: ${JSON.stringify(spec.timeZone)}: unknown time zone ${spec.timeZone}`;
    return nothing(warning('UnknownTimeZone', message));
  }
  if (spec.suspend === true) return nothing();
  if (spec.schedule.includes('TZ')) {
    const help = 'https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/';
    const what = `CRON_TZ or TZ used in schedule ${JSON.stringify(spec.schedule)} is not officially supported`;
    events.push(warning('UnsupportedSchedule', `${what}, see ${help} for more details`));
  }
  let schedule: CronSchedule;
  try {
    schedule = scheduleOf(cronJob);
  } catch (error) {
    const message = `unparseable schedule: ${JSON.stringify(spec.schedule)} : ${(error as Error).message}`;
    return nothing(warning('UnparseableSchedule', message));
  }
  return planDue(cronJob, schedule, nowMs, events);
}

function planDue(cronJob: CronJob, schedule: CronSchedule, nowMs: number, before: readonly Told[]): StartPlan {
  const { spec, status = {} } = cronJob;
  const events = [...before];
  const requeueAfterMs = untilNextStartMs(cronJob, schedule, nowMs);
  const later = (): StartPlan => ({ events, startMs: undefined, replace: [], requeueAfterMs });
  let dueMs: number | undefined;
  try {
    const recent = mostRecentStart(cronJob, schedule, nowMs, true);
    dueMs = recent.dueMs;
    if (dueMs !== undefined && recent.missed === 'many') {
      const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
      events.push(warning('TooManyMissedTimes', message));
    }
  } catch (error) {
    events.push(warning('InvalidSchedule', `invalid schedule: ${spec.schedule} : ${(error as Error).message}`));
    return { ...later(), requeueAfterMs: undefined };
  }
  if (dueMs === undefined) return later();
  const deadline = spec.startingDeadlineSeconds ?? undefined;
  if (deadline !== undefined && dueMs + deadline * 1000 < nowMs) {
    events.push(warning('MissSchedule', `Missed scheduled time to start a job: ${formatRfc1123(dueMs)}`));
    return later();
  }
  const active = status.active ?? [];
  const isDone =
    active.some((ref) => ref.name === jobName(cronJob, dueMs)) || parseTime(status.lastScheduleTime) === dueMs;
  if (isDone) return later();
  if (spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    events.push(normal('JobAlreadyActive', message));
    return later();
  }
  // Once the start is noted, the next one is counted from it.
  const started = { ...cronJob, status: { ...status, lastScheduleTime: formatTime(dueMs) } };
  const replace = spec.concurrencyPolicy === 'Replace' ? active : [];
  return { events, startMs: dueMs, replace, requeueAfterMs: untilNextStartMs(started, schedule, nowMs) };
}

/** A zone written into the schedule counts, else the one of the spec. Throws for a text that is no schedule. */
export function scheduleOf({ spec }: CronJob): CronSchedule {
  const match = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/.exec(spec.schedule);
  if (match === null) return parseCron(spec.schedule, spec.timeZone ?? 'UTC');
  const [, zone = '', rest = ''] = match;
  if (!isKnownZone(zone)) throw new Error(`provided bad location ${zone}: unknown time zone ${zone}`);
  return parseCron(rest, zone);
}

/** The same start has the same name, so that it is made once. */
export function jobName(cronJob: CronJob, startMs: number): string {
  return `${cronJob.metadata.name}-${Math.floor(startMs / 60_000)}`;
}

export function newJob(cronJob: CronJob, startMs: number): NewObject<Job> {
  const { metadata = {}, spec } = cronJob.spec.jobTemplate;
  const { namespace } = cronJob.metadata;
  const time = formatInZone(startMs, cronJob.spec.timeZone ?? 'UTC');
  return {
    metadata: {
      name: jobName(cronJob, startMs),
      ...(namespace !== undefined && { namespace }),
      ...(metadata.labels !== undefined && { labels: metadata.labels }),
      annotations: { ...metadata.annotations, 'batch.kubernetes.io/cronjob-scheduled-timestamp': time },
      ownerReferences: [controllerRef(batchV1.CronJob, cronJob)],
    },
    spec,
  };
}

export function referenceTo({ metadata }: Job): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return {
    kind: 'Job',
    ...(namespace !== undefined && { namespace }),
    name,
    uid,
    apiVersion: 'batch/v1',
    resourceVersion,
  };
}
