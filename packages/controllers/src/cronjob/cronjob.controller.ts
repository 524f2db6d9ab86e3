/** Makes Jobs when they are due. Source: kubernetes pkg/controller/cronjob/cronjob_controllerv2.go. */
import { batchV1, type KubeObject } from '@kapella/api';
import type { CronJob, CronJobStatus, Job } from '@kapella/api/types/batch-v1';
import type { ObjectReference } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, errors, formatTime, isReason } from '@kapella/base';
import {
  type Controller,
  type ControllerDeps,
  defineController,
  isControlledBy,
  type ReconcileResult,
} from '@kapella/controller';
import { isNamespaceTerminating } from '../workload/index.ts';
import { untilNextStartMs } from './missed-times.ts';
import * as plans from './plan-cronjob.ts';

export function createCronJobController(deps: ControllerDeps): Controller {
  const { cache } = deps;
  /** Schedules as last seen: a new one begins with its next start, not with those it would have had. */
  const seen = new Map<string, string>();
  return defineController({
    name: 'cronjob-controller',
    primary: batchV1.CronJob,
    owns: [batchV1.Job],
    async reconcile(key, ctx) {
      const cronJob = cache.get(batchV1.CronJob, key);
      if (cronJob === undefined) {
        seen.delete(key);
        return {};
      }
      const { schedule, timeZone } = cronJob.spec;
      const text = JSON.stringify([schedule, timeZone]);
      const isNew = seen.has(key) && seen.get(key) !== text;
      seen.set(key, text);
      return isNew ? awaitNewSchedule(deps, cronJob, ctx) : sync(deps, cronJob, ctx);
    },
  });
}

function awaitNewSchedule({ events }: ControllerDeps, cronJob: CronJob, ctx: Ctx): ReconcileResult {
  try {
    const requeueAfterMs = untilNextStartMs(cronJob, plans.scheduleOf(cronJob), ctx.clock.nowMs());
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  } catch {
    const message = `unparseable schedule for cronjob: ${cronJob.spec.schedule}`;
    events.event(cronJob, 'Warning', 'UnParseableCronJobSchedule', message);
    return {};
  }
}

/** The status while it is worked on. */
interface Draft {
  status: CronJobStatus;
  changed: boolean;
}

async function sync(deps: ControllerDeps, cronJob: CronJob, ctx: Ctx): Promise<ReconcileResult> {
  const jobs = deps.cache.ownedBy(batchV1.Job, cronJob.metadata.uid).filter((job) => isControlledBy(job, cronJob));
  const draft: Draft = { status: cronJob.status ?? {}, changed: false };
  for (const job of plans.planCleanup(cronJob, jobs)) await deleteJob(deps, cronJob, job, draft, ctx);
  try {
    return await syncSchedule(deps, cronJob, jobs, draft, ctx);
  } finally {
    if (draft.changed) await writeStatus(deps, cronJob, draft.status, ctx);
  }
}

async function syncSchedule(
  deps: ControllerDeps,
  cronJob: CronJob,
  jobs: readonly Job[],
  draft: Draft,
  ctx: Ctx,
): Promise<ReconcileResult> {
  await keepBooks(deps, cronJob, jobs, draft, ctx);
  const current = { ...cronJob, status: draft.status };
  const plan = plans.planStart(current, ctx.clock.nowMs());
  tell(deps, cronJob, plan.events);
  const result = plan.requeueAfterMs === undefined ? {} : { requeueAfterMs: Math.max(0, plan.requeueAfterMs) };
  if (plan.startMs === undefined) return result;
  for (const reference of plan.replace) await replaceJob(deps, cronJob, reference, draft, ctx);
  const job = await createJob(deps, cronJob, plan.startMs, ctx);
  const isOurs =
    isControlledBy(job, cronJob) && !(draft.status.active ?? []).some((ref) => ref.uid === job.metadata.uid);
  if (!isOurs) return {};
  const active = [...(draft.status.active ?? []), plans.referenceTo(job)];
  draft.status = { ...draft.status, active, lastScheduleTime: formatTime(plan.startMs) };
  draft.changed = true;
  return result;
}

function tell({ events }: ControllerDeps, cronJob: CronJob, told: readonly plans.Told[]): void {
  for (const { type, reason, message } of told) events.event(cronJob, type, reason, message);
}

async function keepBooks(
  deps: ControllerDeps,
  cronJob: CronJob,
  jobs: readonly Job[],
  draft: Draft,
  ctx: Ctx,
): Promise<void> {
  const { client, events } = deps;
  const books = plans.planBookkeeping(draft.status, jobs);
  draft.status = books.status;
  draft.changed ||= books.changed;
  tell(deps, cronJob, books.events);
  for (const job of books.unexpected) {
    // The cache of CronJobs may be behind that of Jobs.
    const fresh = await client.get(batchV1.CronJob, cronJob, ctx);
    if (fresh?.status?.active?.some((ref) => ref.uid === job.metadata.uid)) {
      const id = { group: 'batch', resource: 'cronjobs', name: cronJob.metadata.name };
      throw errors.conflict(id, `the cache does not show yet that it has started ${job.metadata.name}`);
    }
    events.event(
      cronJob,
      'Warning',
      'UnexpectedJob',
      `Saw a job that the controller did not create or forgot: ${job.metadata.name}`,
    );
  }
  for (const { name = '', namespace = '', uid } of books.missing) {
    if ((await client.get(batchV1.Job, { name, namespace }, ctx)) !== undefined) continue;
    events.event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${name}`);
    forget(draft, uid);
  }
}

function forget(draft: Draft, uid: string | undefined): void {
  draft.status = { ...draft.status, active: (draft.status.active ?? []).filter((ref) => ref.uid !== uid) };
  draft.changed = true;
}

async function deleteJob(
  { client, events }: ControllerDeps,
  cronJob: CronJob,
  job: Job,
  draft: Draft,
  ctx: Ctx,
): Promise<boolean> {
  try {
    await client.delete(batchV1.Job, job, ctx, { propagationPolicy: 'Background' });
  } catch (error) {
    events.event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${describeError(error)}`);
    return false;
  }
  forget(draft, job.metadata.uid);
  events.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${job.metadata.name}`);
  return true;
}

async function replaceJob(
  deps: ControllerDeps,
  cronJob: CronJob,
  reference: ObjectReference,
  draft: Draft,
  ctx: Ctx,
): Promise<void> {
  const { name = '', namespace = '' } = reference;
  const job = await deps.client.get(batchV1.Job, { name, namespace }, ctx);
  if (job === undefined) {
    const cause = `jobs.batch ${JSON.stringify(name)} not found`;
    deps.events.event(cronJob, 'Warning', 'FailedGet', `Get job: ${cause}`);
    throw new Error(cause);
  }
  if (!(await deleteJob(deps, cronJob, job, draft, ctx))) throw new Error(`could not replace job ${namespace}/${name}`);
}

/** The Job of this start, made now or before. */
async function createJob(
  { client, events }: ControllerDeps,
  cronJob: CronJob,
  startMs: number,
  ctx: Ctx,
): Promise<Job> {
  const wanted = plans.newJob(cronJob, startMs);
  try {
    const job = await client.create(batchV1.Job, wanted, ctx);
    events.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    return job;
  } catch (error) {
    if (isReason(error, 'AlreadyExists')) {
      const { namespace = '' } = cronJob.metadata;
      const present = await client.get(batchV1.Job, { namespace, name: wanted.metadata.name ?? '' }, ctx);
      if (present !== undefined) return present;
    } else if (!isNamespaceTerminating(error)) {
      events.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${describeError(error)}`);
    }
    throw error;
  }
}

async function writeStatus(
  { client }: ControllerDeps,
  cronJob: CronJob,
  status: CronJobStatus,
  ctx: Ctx,
): Promise<void> {
  const { active = [], ...rest } = status;
  const next: CronJobStatus = active.length > 0 ? { ...rest, active } : rest;
  await client.patchStatus(batchV1.CronJob, cronJob as CronJob & KubeObject, next, ctx);
}
