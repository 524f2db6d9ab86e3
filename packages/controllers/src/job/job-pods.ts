/** The Pods of a Job: their index, their failures, and new ones. Pure. Source: kubernetes pkg/controller/job. */
import { batchV1 } from '@kapella/api';
import type { Job } from '@kapella/api/types/batch-v1';
import type { Container, Pod } from '@kapella/api/types/core-v1';
import { hasFinalizer, withFinalizer } from '@kapella/controller';
import {
  conditionOf,
  isReady,
  isTerminating,
  type NewPod,
  podFromTemplate,
  entryOf,
  withAnnotations,
  withLabels,
} from '../workload/index.ts';
import { parseTime } from '@kapella/base';
import { judgeFailure } from './policies.ts';

export const TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking';
const INDEX_KEY = 'batch.kubernetes.io/job-completion-index';
const FAILURE_COUNT = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED_COUNT = 'batch.kubernetes.io/job-index-ignored-failure-count';
const INDEX_ENV = 'JOB_COMPLETION_INDEX';
const NAME_PREFIX_MAX = 58;
const INT32_MAX = 2 ** 31 - 1;

export const isIndexed = (job: Job): boolean => job.spec.completionMode === 'Indexed';
export const isTracked = (pod: Pod): boolean => hasFinalizer(pod, TRACKING_FINALIZER);
/** Each index has a back-off limit of its own. */
export const isPerIndex = (job: Job): boolean =>
  job.spec.backoffLimitPerIndex !== undefined && job.spec.backoffLimitPerIndex !== null;

/** A Pod that goes is waited for until it is gone, before another takes its place. */
export const replacesOnlyFailed = (job: Job): boolean =>
  job.spec.podReplacementPolicy === 'Failed' || (job.spec.podFailurePolicy ?? undefined) !== undefined;

export function isFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (replacesOnlyFailed(job)) return false;
  return isTerminating(pod) && pod.status?.phase !== 'Succeeded';
}

/** Undefined where the Pod has none that the Job knows. */
export function indexOf(pod: Pod, job: Job): number | undefined {
  const index = anyIndexOf(pod);
  return index !== undefined && index < (job.spec.completions ?? 0) ? index : undefined;
}

export function anyIndexOf(pod: Pod): number | undefined {
  const text = entryOf(pod.metadata.annotations, INDEX_KEY);
  return text !== undefined && /^\+?\d+$/.test(text) ? Number(text) : undefined;
}

function countIn(pod: Pod, key: string): number {
  const text = entryOf(pod.metadata.annotations, key);
  const count = text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
  return count <= INT32_MAX ? count : 0;
}

/** Counted failures of the Pod's index before this Pod. */
export const failureCount = (pod: Pod): number => countIn(pod, FAILURE_COUNT);
/** Counted and ignored ones. */
export const absoluteFailureCount = (pod: Pod): number => countIn(pod, FAILURE_COUNT) + countIn(pod, IGNORED_COUNT);

/** `replaced`: the failed Pod of the same index, under a limit per index. */
export function newJobPod(job: Job, index: number | undefined, replaced: Pod | undefined): NewPod {
  const bare = withFinalizer(podFromTemplate(batchV1.Job, job, job.spec.template), TRACKING_FINALIZER);
  if (index === undefined) return bare;
  const tail = `-${index}-`;
  const name = job.metadata.name;
  const { containers, initContainers } = bare.spec;
  const spec = {
    ...bare.spec,
    containers: containers.map(withIndexEnv),
    ...(initContainers !== undefined && { initContainers: initContainers.map(withIndexEnv) }),
    hostname: `${name}-${index}`,
  };
  const generateName = `${name.slice(0, NAME_PREFIX_MAX - tail.length)}${tail}`;
  const pod = withLabels(
    { ...bare, metadata: { ...bare.metadata, generateName }, spec },
    { [INDEX_KEY]: String(index) },
  );
  const counts = isPerIndex(job) ? failureCounts(job, replaced) : {};
  return withAnnotations(pod, { [INDEX_KEY]: String(index), ...counts });
}

function failureCounts(job: Job, replaced: Pod | undefined): Readonly<Record<string, string>> {
  if (replaced === undefined) return { [FAILURE_COUNT]: '0' };
  const counts = judgeFailure(job.spec.podFailurePolicy, replaced).counts;
  const failures = failureCount(replaced) + (counts ? 1 : 0);
  const ignored = countIn(replaced, IGNORED_COUNT) + (counts ? 0 : 1);
  return { [FAILURE_COUNT]: String(failures), ...(ignored > 0 && { [IGNORED_COUNT]: String(ignored) }) };
}

function withIndexEnv(container: Container): Container {
  const { env = [] } = container;
  if (env.some((variable) => variable.name === INDEX_ENV)) return container;
  const fieldRef = { fieldPath: `metadata.labels['${INDEX_KEY}']` };
  return { ...container, env: [...env, { name: INDEX_ENV, valueFrom: { fieldRef } }] };
}

/** Those to remove first come first. Source: pkg/controller/controller_utils.go, ActivePods. */
export function byRemoval(a: Pod, b: Pod): number {
  const rank = (pod: Pod) => (!pod.spec.nodeName ? 0 : 1);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  const phase = (pod: Pod) => ['Pending', 'Unknown', 'Running'].indexOf(pod.status?.phase ?? 'Pending');
  if (phase(a) !== phase(b)) return phase(a) - phase(b);
  if (isReady(a) !== isReady(b)) return isReady(a) ? 1 : -1;
  const readySince = (pod: Pod) => parseTime(conditionOf(pod, 'Ready')?.lastTransitionTime) ?? 0;
  if (isReady(a) && readySince(a) !== readySince(b)) return readySince(b) - readySince(a);
  if (restartsOf(a) !== restartsOf(b)) return restartsOf(b) - restartsOf(a);
  return a.metadata.creationTimestamp < b.metadata.creationTimestamp
    ? 1
    : a.metadata.creationTimestamp > b.metadata.creationTimestamp
      ? -1
      : 0;
}

const restartsOf = (pod: Pod) =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount));
