/** Small facts about the course of a Pod. */
import type { Pod } from '@kapella/api/types/core-v1';
import { parseTime } from '@kapella/base';
import type { ObservedPod } from './observed.ts';

export const isFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export const mayRun = (observed: ObservedPod): boolean =>
  observed.containers.some(({ state }) => state === 'running' || state === 'unknown');

export const DEADLINE_VERDICT = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
} as const;

/** When `activeDeadlineSeconds` runs out, or undefined. `startTime`: as reported. */
export function deadlineMs(pod: Pod, startTime: string | undefined): number | undefined {
  const seconds = pod.spec.activeDeadlineSeconds;
  const started = parseTime(startTime);
  return seconds === undefined || started === undefined ? undefined : started + seconds * 1000;
}

const GRACE_SECONDS_MIN = 1; // a container is always asked to stop before it is killed

/** Seconds that the containers get to end. `override`: the agent's own wish (eviction). */
export function graceSeconds(pod: Pod, override: number | undefined): number {
  const own = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  return Math.max(GRACE_SECONDS_MIN, override === undefined ? own : Math.min(own, override));
}
