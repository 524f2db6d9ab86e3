/** Counts finished Pods exactly once, in two steps around their finalizers. Pure. Source: …/job/job_controller.go, trackJobStatus…. */
import type { Job, JobCondition, JobStatus } from '@kapella/api/types/batch-v1';
import type { Pod } from '@kapella/api/types/core-v1';
import { formatTime } from '@kapella/base';
import { type Assessment, isSuspended } from './assess-job.ts';
import { ensureCondition, findCondition, newCondition } from './conditions.ts';
import { formatIntervals, hasIndex, totalOf, withIndexes } from './intervals.ts';
import * as jobPods from './job-pods.ts';
import { judgeFailure } from './policies.ts';

/** Uids in the status at most: it must stay small. */
const UNCOUNTED_MAX = 500;

/** What became of the Pods plan. */
export interface PodsOutcome {
  readonly active: number;
  readonly ready: number;
  readonly terminating: number;
  /** Pods were planned, not held back. */
  readonly managed: boolean;
  /** Everything that had to go is deleted, nothing is outstanding. */
  readonly cleared: boolean;
}

export interface TrackingPlan {
  readonly status: JobStatus;
  /** The status must be written before any finalizer is removed. */
  readonly mustWrite: boolean;
  readonly release: readonly Pod[];
  /** More are waiting than fit into the status. */
  readonly isPartial: boolean;
  /** Complete or Failed, to be set when all is counted and gone. */
  readonly final: JobCondition | undefined;
  readonly event: { readonly reason: string; readonly message: string } | undefined;
  /** Uids of Pods that had the finalizer when the plan was made. */
  readonly tracked: ReadonlySet<string>;
}

/** First step: finished Pods are named in the status. */
export function planTracking(state: Assessment, outcome: PodsOutcome): TrackingPlan {
  const { job, released } = state;
  const tracked = new Set(
    state.pods
      .filter((pod) => jobPods.isTracked(pod) && !released.has(pod.metadata.uid))
      .map((pod) => pod.metadata.uid),
  );
  const { condition, status: before, event } = beginStatus(state, outcome);
  const cleaned = settle(before, tracked);
  const walk = walkPods(state, cleaned.status, condition, tracked);
  const indexed = indexStatus(state, walk.newIndexes);
  const target = targetOf(job, condition, state.nowMs);
  const conditions = [...(walk.status.conditions ?? []), ...target.added];
  const status: JobStatus = { ...walk.status, ...indexed, ...(conditions.length > 0 && { conditions }) };
  const mustWrite =
    cleaned.changed ||
    walk.changed ||
    target.added.length > 0 ||
    event !== undefined ||
    hasChanged(job.status ?? {}, status);
  return { status, mustWrite, release: walk.release, isPartial: walk.isPartial, final: target.final, event, tracked };
}

function hasChanged(old: JobStatus, next: JobStatus): boolean {
  return (
    (old.active ?? 0) !== (next.active ?? 0) ||
    old.ready !== next.ready ||
    old.terminating !== next.terminating ||
    old.startTime !== next.startTime ||
    (old.completedIndexes ?? '') !== (next.completedIndexes ?? '') ||
    old.failedIndexes !== next.failedIndexes
  );
}

function beginStatus(state: Assessment, outcome: PodsOutcome) {
  const { job, finished } = state;
  const success = finished === undefined ? successOf(state, outcome) : undefined;
  const condition = finished !== undefined && outcome.cleared ? finished : success;
  const isQuiet = finished === undefined && success === undefined && outcome.managed;
  const { conditions, startTime, event } = isQuiet ? suspension(state) : unchanged(state);
  const { active, ready, terminating } = outcome;
  const { startTime: _, active: __, ...rest } = job.status ?? {};
  const status: JobStatus = {
    ...rest,
    ...(conditions.length > 0 && { conditions }),
    ...(startTime !== undefined && { startTime }),
    ...(active > 0 && { active }),
    ready,
    terminating,
    uncountedTerminatedPods: rest.uncountedTerminatedPods ?? {},
  };
  return { condition, status, event };
}

interface Suspension {
  readonly conditions: readonly JobCondition[];
  readonly startTime: string | undefined;
  readonly event: TrackingPlan['event'];
}

function unchanged({ job, startTime }: Assessment): Suspension {
  return { conditions: job.status?.conditions ?? [], startTime, event: undefined };
}

/** A job that is suspended or resumed says so once, and is counted from anew. */
function suspension(state: Assessment): Suspension {
  const { job, nowMs } = state;
  const before = unchanged(state);
  const isNow = isSuspended(job);
  const message = isNow ? 'Job suspended' : 'Job resumed';
  const reason = isNow ? 'JobSuspended' : 'JobResumed';
  const conditions = ensureCondition(
    before.conditions,
    newCondition('Suspended', isNow ? 'True' : 'False', reason, message, nowMs),
  );
  if (conditions === before.conditions) return before;
  const startTime = isNow ? undefined : formatTime(nowMs);
  return { conditions, startTime, event: { reason: isNow ? 'Suspended' : 'Resumed', message } };
}

function successOf({ job, succeeded, nowMs }: Assessment, { active }: PodsOutcome): JobCondition | undefined {
  const { completions } = job.spec;
  const isFixed = completions !== undefined && completions !== null;
  const isDone = active === 0 && (isFixed ? succeeded >= completions : succeeded > 0);
  if (!isDone) return undefined;
  return newCondition(
    'SuccessCriteriaMet',
    'True',
    'CompletionsReached',
    'Reached expected number of succeeded pods',
    nowMs,
  );
}

function walkPods(
  state: Assessment,
  status: JobStatus,
  condition: JobCondition | undefined,
  tracked: ReadonlySet<string>,
) {
  const { succeeded: knownSucceeded = [], failed: knownFailed = [] } = status.uncountedTerminatedPods ?? {};
  const found = { succeeded: [...knownSucceeded], failed: [...knownFailed], indexes: [] as number[] };
  const release: Pod[] = [];
  let isPartial = false;
  for (const pod of inOrder(state)) {
    const isFailed = jobPods.isFailed(pod, state.job);
    if (!tracked.has(pod.metadata.uid) || !mayRelease(state, pod, condition, isFailed)) continue;
    release.push(pod);
    const isFailing = condition !== undefined && condition.type !== 'SuccessCriteriaMet';
    if (pod.status?.phase === 'Succeeded' && !knownFailed.includes(pod.metadata.uid)) noteSuccess(state, pod, found);
    else if (isFailed || isFailing) noteFailure(state, pod, found);
    isPartial = found.indexes.length + found.succeeded.length + found.failed.length >= UNCOUNTED_MAX;
    if (isPartial) break;
  }
  const { succeeded, failed, indexes: newIndexes } = found;
  const more = succeeded.length - knownSucceeded.length + failed.length - knownFailed.length + newIndexes.length;
  const uncountedTerminatedPods = uncountedOf(succeeded, failed);
  return { status: { ...status, uncountedTerminatedPods }, newIndexes, release, isPartial, changed: more > 0 };
}

interface Found {
  readonly succeeded: string[];
  readonly failed: string[];
  readonly indexes: number[];
}

/** Of Indexed jobs the index is counted, not the Pod. */
function noteSuccess({ job, prevSucceeded }: Assessment, pod: Pod, { succeeded, indexes }: Found): void {
  const { uid } = pod.metadata;
  if (!jobPods.isIndexed(job)) {
    if (!succeeded.includes(uid)) succeeded.push(uid);
    return;
  }
  const index = jobPods.indexOf(pod, job);
  if (index !== undefined && !hasIndex(prevSucceeded, index)) indexes.push(index);
}

function noteFailure({ job }: Assessment, pod: Pod, { failed }: Found): void {
  const { uid } = pod.metadata;
  const isValid = !jobPods.isIndexed(job) || jobPods.indexOf(pod, job) !== undefined;
  if (isValid && !failed.includes(uid) && judgeFailure(job.spec.podFailurePolicy, pod).counts) failed.push(uid);
}

function inOrder({ job, pods }: Assessment): readonly Pod[] {
  const order = (pod: Pod) => jobPods.anyIndexOf(pod) ?? -1;
  return jobPods.isIndexed(job) ? pods.toSorted((a, b) => order(a) - order(b)) : pods;
}

function uncountedOf(succeeded: readonly string[], failed: readonly string[]) {
  return { ...(succeeded.length > 0 && { succeeded }), ...(failed.length > 0 && { failed }) };
}

function mayRelease(state: Assessment, pod: Pod, condition: JobCondition | undefined, isFailed: boolean): boolean {
  const { job, delayed } = state;
  if (job.metadata.deletionTimestamp !== undefined || condition !== undefined || pod.status?.phase === 'Succeeded')
    return true;
  if (!isFailed) return false;
  const index = jobPods.anyIndexOf(pod);
  // Its failure count is needed to make the next Pod of the index.
  return index === undefined || delayed.get(index)?.metadata.uid !== pod.metadata.uid;
}

function indexStatus({ job, succeededIndexes, failedIndexes }: Assessment, newIndexes: readonly number[]): JobStatus {
  if (!jobPods.isIndexed(job)) return {};
  const all = withIndexes(succeededIndexes, newIndexes);
  const completedIndexes = formatIntervals(all);
  const total = totalOf(all);
  return {
    ...(total > 0 && { succeeded: total }),
    ...(completedIndexes !== '' && { completedIndexes }),
    ...(failedIndexes !== undefined && { failedIndexes: formatIntervals(failedIndexes) }),
  };
}

/** The condition that says that the job is about to end, and the one that will say that it has. */
function targetOf(job: Job, condition: JobCondition | undefined, nowMs: number) {
  const { reason = '', message = '', type } = condition ?? {};
  const none: readonly JobCondition[] = [];
  if (condition === undefined) return { added: none, final: undefined };
  if (type === 'FailureTarget')
    return { added: [condition], final: newCondition('Failed', 'True', reason, message, nowMs) };
  if (type !== 'SuccessCriteriaMet') return { added: none, final: condition };
  const isNew = findCondition(job.status?.conditions, 'SuccessCriteriaMet')?.status !== 'True';
  return { added: isNew ? [condition] : none, final: newCondition('Complete', 'True', reason, message, nowMs) };
}

/** Second step: named Pods whose finalizer is gone become numbers. */
export function settle(
  status: JobStatus,
  tracked: ReadonlySet<string>,
): { readonly status: JobStatus; readonly changed: boolean } {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const [keptSucceeded, keptFailed] = [
    succeeded.filter((uid) => tracked.has(uid)),
    failed.filter((uid) => tracked.has(uid)),
  ];
  const [moreSucceeded, moreFailed] = [succeeded.length - keptSucceeded.length, failed.length - keptFailed.length];
  if (moreSucceeded + moreFailed === 0) return { status, changed: false };
  const succeededCount = (status.succeeded ?? 0) + moreSucceeded;
  const failedCount = (status.failed ?? 0) + moreFailed;
  const settled = {
    ...status,
    ...(succeededCount > 0 && { succeeded: succeededCount }),
    ...(failedCount > 0 && { failed: failedCount }),
    uncountedTerminatedPods: uncountedOf(keptSucceeded, keptFailed),
  };
  return { status: settled, changed: true };
}

/** The final status, when nothing is left to count or to wait for. */
export function finish(status: JobStatus, final: JobCondition | undefined, terminating: number): JobStatus | undefined {
  if (final === undefined) return undefined;
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length > 0 || terminating > 0) return undefined;
  const completed = final.type === 'Complete' && final.lastTransitionTime !== undefined;
  return {
    ...status,
    conditions: ensureCondition(status.conditions ?? [], final),
    ...(completed && { completionTime: final.lastTransitionTime }),
  };
}
