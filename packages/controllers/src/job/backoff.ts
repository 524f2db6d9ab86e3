/** How long a Job waits after failures before it makes Pods again. Pure. Source: kubernetes pkg/controller/job/backoff_utils.go. */
import type { ContainerStatus, Pod } from '@kapella/api/types/core-v1';
import { parseTime } from '@kapella/base';
import { conditionOf } from '../workload/index.ts';
import { absoluteFailureCount } from './job-pods.ts';

const DELAY_MIN_MS = 10_000;
const DELAY_MAX_MS = 10 * 60_000;

export interface BackoffRecord {
  readonly failuresAfterLastSuccess: number;
  readonly lastFailureMs: number;
}

export const NO_FAILURES: BackoffRecord = { failuresAfterLastSuccess: 0, lastFailureMs: 0 };

/** The record after these Pods have finished. */
export function nextRecord(record: BackoffRecord, succeeded: readonly Pod[], failed: readonly Pod[]): BackoffRecord {
  const failedMs = failed.map(finishedMs);
  if (succeeded.length === 0) {
    if (failed.length === 0) return record;
    const failuresAfterLastSuccess = record.failuresAfterLastSuccess + failed.length;
    return { failuresAfterLastSuccess, lastFailureMs: Math.max(...failedMs) };
  }
  const lastSuccessMs = Math.max(...succeeded.map(finishedMs));
  const after = failedMs.filter((ms) => ms > lastSuccessMs);
  return after.length === 0
    ? NO_FAILURES
    : { failuresAfterLastSuccess: after.length, lastFailureMs: Math.max(...after) };
}

export function remainingMs({ failuresAfterLastSuccess, lastFailureMs }: BackoffRecord, nowMs: number): number {
  if (failuresAfterLastSuccess === 0) return 0;
  const delayMs = Math.min(DELAY_MIN_MS * 2 ** (failuresAfterLastSuccess - 1), DELAY_MAX_MS);
  return Math.max(0, lastFailureMs + delayMs - nowMs);
}

/** Under a limit per index, from the last failed Pod of the index. */
export function remainingOfIndexMs(lastFailed: Pod | undefined, nowMs: number): number {
  if (lastFailed === undefined) return 0;
  const failuresAfterLastSuccess = absoluteFailureCount(lastFailed) + 1;
  return remainingMs({ failuresAfterLastSuccess, lastFailureMs: finishedMs(lastFailed) }, nowMs);
}

/** When the Pod ended, as well as its status tells. */
export function finishedMs(pod: Pod): number {
  const ready = conditionOf(pod, 'Ready');
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp } = pod.metadata;
  const deletedMs = parseTime(deletionTimestamp);
  return (
    containersFinishedMs(pod) ??
    (ready?.status === 'False' ? parseTime(ready.lastTransitionTime) : undefined) ??
    (deletedMs === undefined ? undefined : deletedMs - deletionGracePeriodSeconds * 1000) ??
    parseTime(creationTimestamp) ??
    0
  );
}

function containersFinishedMs(pod: Pod): number | undefined {
  const sidecars = new Set(
    (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  const ofSidecars = (pod.status?.initContainerStatuses ?? []).filter((status) => sidecars.has(status.name));
  const ends = [...(pod.status?.containerStatuses ?? []), ...ofSidecars].map(endMs);
  if (ends.length === 0 || ends.includes(undefined)) return undefined;
  return Math.max(...(ends as number[]));
}

const endMs = (status: ContainerStatus) => parseTime(status.state?.terminated?.finishedAt);
