/** Conditions of Jobs. Pure. Source: kubernetes pkg/controller/job/job_controller.go. */
import type { Job, JobCondition } from '@kapella/api/types/batch-v1';
import { formatTime } from '@kapella/base';

type Conditions = readonly JobCondition[];

export function newCondition(
  type: string,
  status: string,
  reason: string,
  message: string,
  nowMs: number,
): JobCondition {
  const time = formatTime(nowMs);
  return { type, status, lastProbeTime: time, lastTransitionTime: time, reason, message };
}

export function findCondition(conditions: Conditions | undefined, type: string): JobCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** The same list when it says so already; an absent condition is false. */
export function ensureCondition(conditions: Conditions, wanted: JobCondition): Conditions {
  const present = findCondition(conditions, wanted.type);
  if (present === undefined) return wanted.status === 'False' ? conditions : [...conditions, wanted];
  const isSame =
    present.status === wanted.status && present.reason === wanted.reason && present.message === wanted.message;
  return isSame ? conditions : conditions.map((condition) => (condition === present ? wanted : condition));
}

export function isFinished(job: Job): boolean {
  return (job.status?.conditions ?? []).some(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
}

export function isTrue(conditions: Conditions | undefined, type: string): JobCondition | undefined {
  const condition = findCondition(conditions, type);
  return condition?.status === 'True' ? condition : undefined;
}
