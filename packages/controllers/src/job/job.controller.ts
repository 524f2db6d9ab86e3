/** Runs Jobs to their end. Source: kubernetes pkg/controller/job/job_controller.go. */
import { batchV1, compileLabelSelector, coreV1, keyOf } from '@kapella/api';
import type { Job, JobStatus } from '@kapella/api/types/batch-v1';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, isReason } from '@kapella/base';
import {
  type Controller,
  type ControllerDeps,
  controllerOf,
  defineController,
  type ReconcileResult,
  type WatchSource,
} from '@kapella/controller';
import * as workload from '../workload/index.ts';
import { type Assessment, assessJob } from './assess-job.ts';
import { type BackoffRecord, NO_FAILURES } from './backoff.ts';
import { isFinished } from './conditions.ts';
import { isTracked, TRACKING_FINALIZER } from './job-pods.ts';
import { type PodsPlan, planPods } from './plan-pods.ts';
import { finish, type PodsOutcome, planTracking, settle, type TrackingPlan } from './plan-tracking.ts';

const CONCURRENCY_MAX = 5;
const JOB_CONTROLLER = 'kubernetes.io/job-controller';
/** Keys of Pods that no Job counts any more, beside those of Jobs. */
const ORPHAN = 'orphan:';
/** Tracked Pods under the key of the Job they name. */
const BY_JOB = 'tracked-by-job';

interface Deps extends workload.PodsControl {
  readonly backoffs: Map<string, BackoffRecord>;
  /** Uids of Pods whose finalizer has been removed but is still in the cache, by Job. */
  readonly released: Map<string, Set<string>>;
  /** The resourceVersion of the last status written, by Job: with an older one in the cache all would be counted again. */
  readonly written: Map<string, string>;
}

export function createJobController(given: ControllerDeps): Controller {
  const { cache } = given;
  const deps: Deps = {
    ...given,
    expectations: workload.createLateExpectations(),
    backoffs: new Map(),
    released: new Map(),
    written: new Map(),
  };
  const { expectations } = deps;
  workload.indexOrphans(cache, coreV1.Pod);
  cache.informer(coreV1.Pod).addIndex(BY_JOB, (pod) => {
    const owner = controllerOf(pod);
    return isTracked(pod) && owner?.kind === 'Job' ? [`${pod.metadata.namespace}/${owner.name}`] : [];
  });
  return defineController({
    name: 'job-controller',
    primary: batchV1.Job,
    owns: [coreV1.Pod],
    watches: [trackedOrphans(given), workload.orphanWatch(cache, batchV1.Job, coreV1.Pod, (job) => job.spec.selector)],
    expectations,
    concurrencyMax: CONCURRENCY_MAX,
    retryMinMs: 1000,
    retryMaxMs: 60_000,
    async reconcile(key, ctx) {
      expectations.bind(ctx.clock);
      if (key.startsWith(ORPHAN)) return releaseOrphan(deps, key.slice(ORPHAN.length), ctx);
      const job = cache.get(batchV1.Job, key);
      if (job === undefined || isFinished(job)) {
        expectations.forget(key);
        deps.backoffs.delete(key);
        deps.released.delete(key);
        deps.written.delete(key);
        await releaseLeft(deps, key, job, ctx);
        return {};
      }
      if (isManagedElsewhere(job) || isBehind(deps, key, job)) return {};
      return sync(deps, job, ctx);
    },
  });
}

/** The event of the own write comes yet, and queues the key again. */
function isBehind({ written }: Deps, key: string, job: Job): boolean {
  const last = written.get(key);
  if (last === undefined) return false;
  if (BigInt(job.metadata.resourceVersion) < BigInt(last)) return true;
  written.delete(key);
  return false;
}

async function writeStatus({ client, written }: Deps, job: Job, status: JobStatus, ctx: Ctx): Promise<Job> {
  const next = await client.patchStatus(batchV1.Job, job, status, ctx);
  if (/^\d+$/.test(next.metadata.resourceVersion)) written.set(keyOf(job), next.metadata.resourceVersion);
  return next;
}

const isManagedElsewhere = (job: Job) => job.spec.managedBy !== undefined && job.spec.managedBy !== JOB_CONTROLLER;

/** Whether nobody will count this Pod any more. */
function isOrphan({ cache }: ControllerDeps, pod: Pod): boolean {
  const owner = controllerOf(pod);
  if (owner === undefined) return true;
  if (owner.kind !== 'Job' || !owner.apiVersion.startsWith('batch/')) return false;
  const job = cache.get(batchV1.Job, `${pod.metadata.namespace}/${owner.name}`);
  if (job === undefined || job.metadata.uid !== owner.uid) return true;
  return !isManagedElsewhere(job) && isFinished(job);
}

function trackedOrphans(deps: ControllerDeps): WatchSource<Pod> {
  return {
    kind: coreV1.Pod,
    keysOf: (pod, _old, deleted) =>
      !deleted && isTracked(pod) && isOrphan(deps, pod) ? [`${ORPHAN}${keyOf(pod)}`] : [],
  };
}

async function releaseOrphan(deps: Deps, key: string, ctx: Ctx): Promise<ReconcileResult> {
  const pod = deps.cache.get(coreV1.Pod, key);
  if (pod !== undefined && isTracked(pod) && isOrphan(deps, pod)) await release(deps, pod, ctx);
  return {};
}

/** A Job that is gone or over leaves no Pod behind that cannot go. */
async function releaseLeft(deps: Deps, key: string, job: Job | undefined, ctx: Ctx): Promise<void> {
  if (job !== undefined && isManagedElsewhere(job)) return;
  for (const pod of deps.cache.informer(coreV1.Pod).byIndex(BY_JOB, key))
    if (isOrphan(deps, pod)) await release(deps, pod, ctx);
}

async function release({ client }: ControllerDeps, pod: Pod, ctx: Ctx): Promise<void> {
  const body = { metadata: { '$deleteFromPrimitiveList/finalizers': [TRACKING_FINALIZER] } };
  try {
    await client.patch(coreV1.Pod, pod, { type: 'strategic', body }, ctx);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

async function sync(deps: Deps, job: Job, ctx: Ctx): Promise<ReconcileResult> {
  const key = keyOf(job);
  const { completionMode = 'NonIndexed' } = job.spec;
  if (completionMode !== 'NonIndexed' && completionMode !== 'Indexed') {
    deps.events.event(job, 'Warning', 'UnknownCompletionMode', 'Skipped Job sync because completion mode is unknown');
    return {};
  }
  const mayAct = deps.expectations.satisfied(key);
  const pods = await claimPods(deps, job, ctx);
  const state = assessJob({
    job,
    pods,
    released: stillReleased(deps, key, pods),
    backoff: deps.backoffs.get(key) ?? NO_FAILURES,
    nowMs: ctx.clock.nowMs(),
  });
  const plan = planPods(state, mayAct);
  const { outcome, error } = await execute(deps, state, plan, mayAct, ctx);
  await track(deps, state, planTracking(state, outcome), outcome, ctx);
  if (error !== undefined) throw error;
  const waits = [plan.requeueAfterMs, state.deadlineInMs].filter((ms) => ms !== undefined);
  return waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits) };
}

async function claimPods({ cache, client }: ControllerDeps, job: Job, ctx: Ctx): Promise<Pod[]> {
  const kind = coreV1.Pod;
  const plan = workload.planClaim(
    job,
    compileLabelSelector(job.spec.selector),
    workload.candidatesOf(cache, kind, job),
  );
  return workload.claim(
    client,
    { ownerKind: batchV1.Job, owner: job, kind, plan, finalizers: [TRACKING_FINALIZER] },
    ctx,
  );
}

/** Forgets those whose removal the cache has seen. */
function stillReleased({ released }: Deps, key: string, pods: readonly Pod[]): ReadonlySet<string> {
  const before = released.get(key) ?? new Set<string>();
  const tracked = pods.filter(isTracked).map((pod) => pod.metadata.uid);
  const still = new Set(tracked.filter((uid) => before.has(uid)));
  released.set(key, still);
  return still;
}

async function execute(deps: Deps, state: Assessment, plan: PodsPlan, mayAct: boolean, ctx: Ctx) {
  const { job, active } = state;
  const kept = new Map<Pod, unknown>();
  if (plan.uncounted)
    await Promise.all(
      plan.deletions.map((pod) => release(deps, pod, ctx).catch((error: unknown) => kept.set(pod, error))),
    );
  const removed = await workload.deletePods(
    deps,
    job,
    plan.deletions.filter((pod) => !kept.has(pod)),
    ctx,
  );
  const made = await workload.createPods(deps, job, plan.creations, ctx);
  const gone = removed.done.length;
  const isOver = state.finished !== undefined;
  const outcome: PodsOutcome = {
    active: active.length - gone + made.done.length,
    ready: state.ready - removed.done.filter(workload.isReady).length,
    terminating: state.terminating + gone,
    managed: !isOver && mayAct && job.metadata.deletionTimestamp === undefined,
    cleared: mayAct && gone === active.length,
  };
  return { outcome, error: [...kept.values()][0] ?? removed.error ?? made.error };
}

/** Names finished Pods in the status, lets them go, counts them, and says when the Job is over. */
async function track(deps: Deps, state: Assessment, plan: TrackingPlan, outcome: PodsOutcome, ctx: Ctx): Promise<void> {
  const { events } = deps;
  const key = keyOf(state.job);
  let job = state.job;
  if (plan.event !== undefined) events.event(job, 'Normal', plan.event.reason, plan.event.message);
  if (plan.mustWrite) {
    job = await writeStatus(deps, job, plan.status, ctx);
    deps.backoffs.set(key, state.nextBackoff);
  }
  const tracked = new Set(plan.tracked);
  const failure = await releaseAll(deps, key, plan.release, tracked, ctx);
  const settled = settle(plan.status, tracked);
  if (failure !== undefined) {
    if (settled.changed) await writeStatus(deps, job, settled.status, ctx);
    throw failure;
  }
  const finished = plan.isPartial ? undefined : finish(settled.status, plan.final, outcome.terminating);
  if (finished === undefined && !settled.changed) return;
  const written = await writeStatus(deps, job, finished ?? settled.status, ctx);
  if (finished !== undefined && plan.final !== undefined) tellFinished(deps, written, plan.final);
}

async function releaseAll(
  deps: Deps,
  key: string,
  pods: readonly Pod[],
  tracked: Set<string>,
  ctx: Ctx,
): Promise<unknown> {
  const expected = deps.released.get(key) ?? new Set<string>();
  deps.released.set(key, expected);
  let failure: unknown;
  const one = async (pod: Pod) => {
    const { uid } = pod.metadata;
    expected.add(uid);
    try {
      await release(deps, pod, ctx);
      tracked.delete(uid);
    } catch (error) {
      expected.delete(uid);
      failure ??= error;
    }
  };
  await Promise.all(pods.map(one));
  return failure;
}

function tellFinished({ events }: ControllerDeps, job: Job, final: NonNullable<TrackingPlan['final']>): void {
  if (final.type !== 'Complete') {
    events.event(job, 'Warning', final.reason ?? '', final.message ?? '');
    return;
  }
  const { completions } = job.spec;
  if (completions !== undefined && completions !== null && (job.status?.succeeded ?? 0) > completions) {
    events.event(
      job,
      'Warning',
      'TooManySucceededPods',
      'Too many succeeded pods running after completion count reached',
    );
  }
  events.event(job, 'Normal', 'Completed', 'Job completed');
}
