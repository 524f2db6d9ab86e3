/** Counts finished Pods exactly once, in two steps around their finalizers. Pure. Source: …/job/job_controller.go, trackJobStatus…. */
import type { Job, JobCondition, JobStatus } from '@kapella/api/types/batch-v1';
import type { Pod } from '@kapella/api/types/core-v1';
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
  const { job, nowMs, finished } = state;
  const condition = finished !== undefined ? (outcome.cleared ? finished : undefined) : successOf(state, outcome);
  const { startTime: _, ...old } = job.status ?? {};
  let conditions = job.status?.conditions ?? [];
  let startTime = state.startTime;
  let event: TrackingPlan['event'];
  if (finished === undefined && condition === undefined && outcome.managed) {
    const [suspend, reason, message] = isSuspended(job)
      ? (['True', 'JobSuspended', 'Job suspended'] as const)
      : (['False', 'JobResumed', 'Job resumed'] as const);
    const next = ensureCondition(conditions, newCondition('Suspended', suspend, reason, message, nowMs));
    if (next !== conditions) {
      conditions = next;
      event = { reason: suspend === 'True' ? 'Suspended' : 'Resumed', message };
      const now = newCondition('', '', '', '', nowMs).lastTransitionTime;
      startTime = suspend === 'True' ? undefined : now;
    }
  }
  const { active, ready, terminating } = outcome;
  const { active: __, ...rest } = old;
  const status: JobStatus = {
    ...rest,
    ...(conditions.length > 0 && { conditions }),
    ...(startTime !== undefined && { startTime }),
    ...(active > 0 && { active }),
    ready,
    terminating,
    uncountedTerminatedPods: old.uncountedTerminatedPods ?? {},
  };
  return { condition, status, event };
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
  const { job } = state;
  const isIndexed = jobPods.isIndexed(job);
  const known = {
    succeeded: new Set(status.uncountedTerminatedPods?.succeeded),
    failed: new Set(status.uncountedTerminatedPods?.failed),
  };
  const succeeded = [...known.succeeded];
  const failed = [...known.failed];
  const newIndexes: number[] = [];
  const release: Pod[] = [];
  const isFailing = condition !== undefined && condition.type !== 'SuccessCriteriaMet';
  let isPartial = false;
  const order = (pod: Pod) => jobPods.anyIndexOf(pod) ?? -1;
  const pods = isIndexed ? state.pods.toSorted((a, b) => order(a) - order(b)) : state.pods;
  for (const pod of pods) {
    const { uid } = pod.metadata;
    if (!tracked.has(uid)) continue;
    const isFailed = jobPods.isFailed(pod, job);
    if (!mayRelease(state, pod, condition, isFailed)) continue;
    release.push(pod);
    const index = jobPods.indexOf(pod, job);
    if (pod.status?.phase === 'Succeeded' && !known.failed.has(uid)) {
      if (isIndexed && index !== undefined && !hasIndex(state.prevSucceeded, index)) newIndexes.push(index);
      if (!isIndexed && !known.succeeded.has(uid)) succeeded.push(uid);
    } else if (isFailed || isFailing) {
      const isValid = !isIndexed || index !== undefined;
      if (isValid && !known.failed.has(uid) && judgeFailure(job.spec.podFailurePolicy, pod).counts) failed.push(uid);
    }
    isPartial = newIndexes.length + succeeded.length + failed.length >= UNCOUNTED_MAX;
    if (isPartial) break;
  }
  const changed =
    newIndexes.length > 0 || succeeded.length !== known.succeeded.size || failed.length !== known.failed.size;
  return {
    status: { ...status, uncountedTerminatedPods: uncountedOf(succeeded, failed) },
    newIndexes,
    release,
    isPartial,
    changed,
  };
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
