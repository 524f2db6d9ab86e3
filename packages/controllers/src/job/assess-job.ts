/** Where a Job stands: what is counted, what is over. Pure. Source: kubernetes pkg/controller/job/job_controller.go, syncJob. */
import type { Job, JobCondition } from '@kapella/api/types/batch-v1';
import type { Pod } from '@kapella/api/types/core-v1';
import { formatTime, parseTime } from '@kapella/base';
import { isActive, isReady, isTerminal, isTerminating } from '../workload/index.ts';
import { type BackoffRecord, finishedMs, nextRecord } from './backoff.ts';
import { isTrue, newCondition } from './conditions.ts';
import { type Intervals, hasIndex, parseIntervals, totalOf, withIndexes } from './intervals.ts';
import * as jobPods from './job-pods.ts';
import { judgeFailure, judgeSuccess } from './policies.ts';

export interface JobInput {
  readonly job: Job;
  /** Controlled by the job. */
  readonly pods: readonly Pod[];
  /** Uids of Pods whose finalizer has been removed, though the cache still shows it. */
  readonly released: ReadonlySet<string>;
  readonly backoff: BackoffRecord;
  readonly nowMs: number;
}

export interface Assessment extends JobInput {
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly startTime: string | undefined;
  readonly nextBackoff: BackoffRecord;
  /** FailureTarget, Failed or SuccessCriteriaMet. */
  readonly finished: JobCondition | undefined;
  /** Of Indexed jobs; empty for others. */
  readonly prevSucceeded: Intervals;
  readonly succeededIndexes: Intervals;
  /** Undefined unless there is a limit per index. */
  readonly failedIndexes: Intervals | undefined;
  /** The last failed Pod of each index that waits for its next; it keeps its finalizer until then. */
  readonly delayed: ReadonlyMap<number, Pod>;
  readonly deadlineInMs: number | undefined;
}

export const isSuspended = (job: Job): boolean => job.spec.suspend === true;

export function assessJob(input: JobInput): Assessment {
  const { job, pods, nowMs } = input;
  const { succeeded: uncountedSucceeded = [], failed: uncountedFailed = [] } =
    job.status?.uncountedTerminatedPods ?? {};
  const newSucceeded = countable(input, new Set(uncountedSucceeded)).filter((pod) => pod.status?.phase === 'Succeeded');
  const newFailed = countable(input, new Set(uncountedFailed)).filter((pod) => jobPods.isFailed(pod, job));
  const countedFailed = newFailed.filter((pod) => judgeFailure(job.spec.podFailurePolicy, pod).counts);
  const active = pods.filter(isActive);
  const startTime = job.status?.startTime ?? (isSuspended(job) ? undefined : formatTime(nowMs));
  const base = {
    ...input,
    active,
    ready: active.filter(isReady).length,
    terminating: pods.filter((pod) => isTerminating(pod) && !isTerminal(pod)).length,
    failed: (job.status?.failed ?? 0) + countedFailed.length + uncountedFailed.length,
    startTime,
    nextBackoff: nextRecord(input.backoff, newSucceeded, newFailed),
  };
  const { finished, deadlineInMs } = verdictOf(base);
  const succeeded = (job.status?.succeeded ?? 0) + newSucceeded.length + uncountedSucceeded.length;
  if (jobPods.isIndexed(job)) return assessIndexes({ ...base, succeeded, deadlineInMs }, finished);
  const none = { prevSucceeded: [], succeededIndexes: [], failedIndexes: undefined, delayed: new Map<number, Pod>() };
  return { ...base, succeeded, deadlineInMs, finished, ...none };
}

/** Pods that may be counted once more: tracked, and of a valid index. */
function countable({ job, pods, released }: JobInput, uncounted: ReadonlySet<string>): Pod[] {
  const isValid = (pod: Pod) => !jobPods.isIndexed(job) || jobPods.indexOf(pod, job) !== undefined;
  return pods.filter((pod) => {
    const { uid } = pod.metadata;
    return jobPods.isTracked(pod) && !uncounted.has(uid) && !released.has(uid) && isValid(pod);
  });
}

type Counted = JobInput & { readonly failed: number; readonly startTime: string | undefined };

function verdictOf({ job, pods, failed, startTime, nowMs }: Counted): Pick<Assessment, 'finished' | 'deadlineInMs'> {
  const over = (condition: JobCondition) => ({ finished: condition, deadlineInMs: undefined });
  const { conditions } = job.status ?? {};
  const success = isTrue(conditions, 'SuccessCriteriaMet');
  if (success !== undefined) return over(success);
  const target = isTrue(conditions, 'FailureTarget');
  if (target !== undefined)
    return over(newCondition('Failed', 'True', target.reason ?? '', target.message ?? '', nowMs));
  const failure = (reason: string, message: string) =>
    over(newCondition('FailureTarget', 'True', reason, message, nowMs));
  const message = pods
    .filter((pod) => jobPods.isFailed(pod, job))
    .map((pod) => judgeFailure(job.spec.podFailurePolicy, pod).message)
    .find((text) => text !== undefined);
  if (message !== undefined) return failure('PodFailurePolicy', message);
  if (failed > (job.spec.backoffLimit ?? 6) || hasRestartedTooOften(job, pods)) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const deadlineSeconds = job.spec.activeDeadlineSeconds ?? undefined;
  if (deadlineSeconds === undefined || isSuspended(job)) return { finished: undefined, deadlineInMs: undefined };
  const deadlineInMs = (parseTime(startTime) ?? nowMs) + deadlineSeconds * 1000 - nowMs;
  if (deadlineInMs <= 0) return failure('DeadlineExceeded', 'Job was active longer than specified deadline');
  return { finished: undefined, deadlineInMs };
}

/** With restartPolicy OnFailure the restarts of running Pods count, not the Pods. */
function hasRestartedTooOften(job: Job, pods: readonly Pod[]): boolean {
  if (job.spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  const alive = pods.filter((pod) => pod.status?.phase === 'Running' || pod.status?.phase === 'Pending');
  const statuses = alive.flatMap((pod) => [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ]);
  const restarts = statuses.reduce((sum, status) => sum + status.restartCount, 0);
  const limit = job.spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

type BeforeIndexes = Omit<Assessment, 'finished' | 'prevSucceeded' | 'succeededIndexes' | 'failedIndexes' | 'delayed'>;

function assessIndexes(base: BeforeIndexes, before: JobCondition | undefined): Assessment {
  const { job, pods, nowMs } = base;
  const completions = job.spec.completions ?? 0;
  const prevSucceeded = parseIntervals(job.status?.completedIndexes ?? '', completions);
  const tracked = pods.filter((pod) => jobPods.isTracked(pod) && jobPods.indexOf(pod, job) !== undefined);
  const indexes = (chosen: readonly Pod[]) => chosen.map((pod) => jobPods.indexOf(pod, job) as number);
  const succeededIndexes = withIndexes(
    prevSucceeded,
    indexes(tracked.filter((pod) => pod.status?.phase === 'Succeeded')),
  );
  let finished = before;
  let failedIndexes: Intervals | undefined;
  if (jobPods.isPerIndex(job)) {
    const known = parseIntervals(job.status?.failedIndexes ?? '', completions);
    failedIndexes = withIndexes(known, indexes(tracked.filter((pod) => isIndexFailed(job, pod))));
    finished ??= verdictOfIndexes(job, failedIndexes, succeededIndexes, nowMs);
  }
  const message = finished === undefined ? judgeSuccess(job, succeededIndexes) : undefined;
  if (message !== undefined) finished = newCondition('SuccessCriteriaMet', 'True', 'SuccessPolicy', message, nowMs);
  const delayed =
    failedIndexes === undefined ? new Map<number, Pod>() : delayedPods(base, succeededIndexes, failedIndexes);
  return {
    ...base,
    succeeded: totalOf(succeededIndexes),
    finished,
    prevSucceeded,
    succeededIndexes,
    failedIndexes,
    delayed,
  };
}

function isIndexFailed(job: Job, pod: Pod): boolean {
  if (!jobPods.isFailed(pod, job)) return false;
  const verdict = judgeFailure(job.spec.podFailurePolicy, pod);
  if (verdict.action === 'FailIndex') return true;
  return verdict.counts && jobPods.failureCount(pod) >= (job.spec.backoffLimitPerIndex ?? 0);
}

function verdictOfIndexes(job: Job, failed: Intervals, succeeded: Intervals, nowMs: number): JobCondition | undefined {
  const failure = (reason: string, message: string) => newCondition('FailureTarget', 'True', reason, message, nowMs);
  const { maxFailedIndexes } = job.spec;
  const count = totalOf(failed);
  if (maxFailedIndexes !== undefined && maxFailedIndexes !== null && count > maxFailedIndexes) {
    return failure('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  }
  const isOver = count > 0 && count + totalOf(succeeded) >= (job.spec.completions ?? 0);
  return isOver ? failure('FailedIndexes', 'Job has failed indexes') : undefined;
}

function delayedPods(base: BeforeIndexes, succeeded: Intervals, failed: Intervals): Map<number, Pod> {
  const { job, active } = base;
  const running = new Set(active.map(jobPods.anyIndexOf));
  const last = new Map<number, Pod>();
  for (const pod of countable(base, new Set())) {
    const index = jobPods.indexOf(pod, job);
    if (index === undefined || !jobPods.isFailed(pod, job)) continue;
    if (hasIndex(succeeded, index) || hasIndex(failed, index) || running.has(index)) continue;
    const known = last.get(index);
    const isLater =
      known === undefined ||
      (jobPods.absoluteFailureCount(known) <= jobPods.absoluteFailureCount(pod) &&
        finishedMs(pod) >= finishedMs(known));
    if (isLater) last.set(index, pod);
  }
  return last;
}
