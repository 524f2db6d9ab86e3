/** What controllers ask of Pods. Pure. Source: kubernetes pkg/api/v1/pod/util.go, pkg/controller/controller_utils.go. */
import type { Pod, PodCondition } from '@kapella/api/types/core-v1';
import { parseTime } from '@kapella/base';

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

export const isPodReady = (pod: Pod): boolean => podCondition(pod, 'Ready')?.status === 'True';

export const isPodFinished = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** Neither finished nor on its way out. */
export const isPodActive = (pod: Pod): boolean => !isPodFinished(pod) && pod.metadata.deletionTimestamp === undefined;

/** On its way out, containers still running. */
export const isPodTerminating = (pod: Pod): boolean =>
  !isPodFinished(pod) && pod.metadata.deletionTimestamp !== undefined;

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return false;
  if (minReadySeconds === 0) return true;
  const sinceMs = parseTime(ready.lastTransitionTime);
  return sinceMs !== undefined && sinceMs + minReadySeconds * 1000 <= nowMs;
}

/** When the next of these Pods becomes available by time alone. */
export function nextAvailabilityMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  let nextMs: number | undefined;
  for (const pod of pods) {
    const ready = podCondition(pod, 'Ready');
    const sinceMs = parseTime(ready?.lastTransitionTime);
    if (ready?.status !== 'True' || sinceMs === undefined) continue;
    const leftMs = sinceMs + minReadySeconds * 1000 - nowMs;
    if (leftMs > 0) nextMs = Math.min(nextMs ?? leftMs, leftMs);
  }
  return nextMs;
}
