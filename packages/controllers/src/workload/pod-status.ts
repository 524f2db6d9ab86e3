/** What a Pod's status says to its controllers. Source: kubernetes pkg/api/v1/pod/util.go, pkg/controller/controller_utils.go. */
import type { Pod } from '@kapella/api/types/core-v1';
import { parseTime } from '@kapella/base';

export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

/** Succeeded or failed: its containers will not run again. */
export const isTerminal = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export const isActive = (pod: Pod): boolean => !isTerminal(pod) && !isTerminating(pod);

export function conditionOf(pod: Pod, type: string) {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

export const isReady = (pod: Pod): boolean => conditionOf(pod, 'Ready')?.status === 'True';

/** Ready for at least so many seconds. */
export function isAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  if (!isReady(pod)) return false;
  return minReadySeconds === 0 || availableInMs(pod, minReadySeconds, nowMs) === 0;
}

/** When the next of these that are ready will be available; undefined when none is waiting for it. */
export function nextAvailabilityMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  let soonest: number | undefined;
  for (const pod of pods) {
    if (minReadySeconds <= 0 || !isReady(pod)) continue;
    const inMs = availableInMs(pod, minReadySeconds, nowMs);
    if (inMs !== undefined && inMs > 0) soonest = Math.min(soonest ?? inMs, inMs);
  }
  return soonest;
}

/** Undefined when it is not known since when the Pod is ready. */
function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  const sinceMs = parseTime(conditionOf(pod, 'Ready')?.lastTransitionTime);
  return sinceMs === undefined ? undefined : Math.max(0, sinceMs + minReadySeconds * 1000 - nowMs);
}
