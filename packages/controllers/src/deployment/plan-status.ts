/** Status and conditions of a Deployment. Pure. Source: kubernetes pkg/controller/deployment/{sync,progress}.go. */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '@kapella/api/types/apps-v1';
import { formatTime, parseTime } from '@kapella/base';
import { omitZero } from '../shared/values.ts';
import { boundsOf, desiredOf, hasProgressDeadline, sumReplicas, sumStatus } from './replica-sets.ts';

type Conditions = readonly DeploymentCondition[];

export function newCondition(
  type: string,
  status: string,
  reason: string,
  message: string,
  nowMs: number,
): DeploymentCondition {
  const now = formatTime(nowMs);
  return { type, status, lastUpdateTime: now, lastTransitionTime: now, reason, message };
}

export const findCondition = (conditions: Conditions | undefined, type: string): DeploymentCondition | undefined =>
  conditions?.find((condition) => condition.type === type);

/** Nothing changes where status and reason are the same; the time of transition only where the status differs. */
export function withCondition(conditions: Conditions, next: DeploymentCondition): Conditions {
  const present = findCondition(conditions, next.type);
  if (present?.status === next.status && present.reason === next.reason) return conditions;
  const kept = present?.status === next.status ? { ...next, lastTransitionTime: present.lastTransitionTime } : next;
  return [...conditions.filter((condition) => condition.type !== next.type), kept];
}

export const withoutCondition = (conditions: Conditions, type: string): Conditions =>
  conditions.filter((condition) => condition.type !== type);

/** Counts and availability. `sets`: all, with the new one. */
export function planStatus(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const available = sumStatus(sets, 'availableReplicas');
  const enough = available >= desiredOf(deployment) - boundsOf(deployment).unavailable;
  const availability = enough
    ? newCondition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', nowMs)
    : newCondition(
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
        nowMs,
      );
  return statusOf({
    observedGeneration: deployment.metadata.generation,
    replicas: sumStatus(sets, 'replicas'),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: sumStatus(sets, 'readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sumReplicas(sets) - available),
    terminatingReplicas: sumTerminating(sets),
    conditions: withCondition(deployment.status?.conditions ?? [], availability),
    collisionCount: deployment.status?.collisionCount,
  });
}

export function statusOf(status: DeploymentStatus): DeploymentStatus {
  const conditions = status.conditions?.length === 0 ? undefined : status.conditions;
  return omitZero({ ...status, conditions }, 'terminatingReplicas', 'collisionCount');
}

/** Unknown while a set has not told its own. */
function sumTerminating(sets: readonly ReplicaSet[]): number | undefined {
  let sum = 0;
  for (const { status } of sets) {
    if (status?.terminatingReplicas !== undefined) sum += status.terminatingReplicas;
    else if ((status?.observedGeneration ?? 0) !== 0) return undefined;
  }
  return sum;
}

/** Everything wanted runs the new template and is available. */
export function isComplete(deployment: Deployment, status: DeploymentStatus | undefined): boolean {
  const desired = desiredOf(deployment);
  return (
    (status?.updatedReplicas ?? 0) === desired &&
    (status?.replicas ?? 0) === desired &&
    (status?.availableReplicas ?? 0) === desired &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function isProgressing({ status: old = {} }: Deployment, next: DeploymentStatus): boolean {
  const oldOnes = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  const grew = (field: 'updatedReplicas' | 'readyReplicas' | 'availableReplicas') =>
    (next[field] ?? 0) > (old[field] ?? 0);
  return grew('updatedReplicas') || oldOnes(next) < oldOnes(old) || grew('readyReplicas') || grew('availableReplicas');
}

function isTimedOut(deployment: Deployment, conditions: Conditions, nowMs: number): boolean {
  const progressing = findCondition(conditions, 'Progressing');
  if (progressing === undefined || progressing.reason === 'NewReplicaSetAvailable') return false;
  if (progressing.reason === 'ProgressDeadlineExceeded') return true;
  const fromMs = parseTime(progressing.lastUpdateTime) ?? 0;
  return fromMs + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 < nowMs;
}

/** The status during a rollout, with progress. */
export function planRolloutStatus(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const status = planStatus(deployment, sets, newSet, nowMs);
  let conditions = status.conditions ?? [];
  const current = findCondition(deployment.status?.conditions, 'Progressing');
  const wasDone =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (!hasProgressDeadline(deployment)) conditions = withoutCondition(conditions, 'Progressing');
  else if (!wasDone) conditions = progressConditions(deployment, status, conditions, newSet, nowMs);
  const failure = failureOf(sets, newSet);
  conditions =
    failure === undefined ? withoutCondition(conditions, 'ReplicaFailure') : withCondition(conditions, failure);
  return statusOf({ ...status, conditions });
}

function progressConditions(
  deployment: Deployment,
  status: DeploymentStatus,
  conditions: Conditions,
  newSet: ReplicaSet | undefined,
  nowMs: number,
): Conditions {
  const subject =
    newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const message = `${subject} has successfully progressed.`;
    return withCondition(conditions, newCondition('Progressing', 'True', 'NewReplicaSetAvailable', message, nowMs));
  }
  if (isProgressing(deployment, status)) {
    // Replaced even when nothing else differs: its time of update is what the deadline counts from.
    const present = findCondition(conditions, 'Progressing');
    const next = newCondition('Progressing', 'True', 'ReplicaSetUpdated', `${subject} is progressing.`, nowMs);
    const kept = present?.status === 'True' ? { ...next, lastTransitionTime: present.lastTransitionTime } : next;
    return [...withoutCondition(conditions, 'Progressing'), kept];
  }
  if (isTimedOut(deployment, conditions, nowMs)) {
    const message = `${subject} has timed out progressing.`;
    return withCondition(conditions, newCondition('Progressing', 'False', 'ProgressDeadlineExceeded', message, nowMs));
  }
  return conditions;
}

/** A failure of the new set before one of the old. */
function failureOf(sets: readonly ReplicaSet[], newSet: ReplicaSet | undefined): DeploymentCondition | undefined {
  const ordered = newSet === undefined ? sets : [newSet, ...sets];
  for (const set of ordered) {
    const failure = set.status?.conditions?.find((condition) => condition.type === 'ReplicaFailure');
    if (failure !== undefined) return { ...failure, lastUpdateTime: failure.lastTransitionTime };
  }
  return undefined;
}

/** When to look again whether the deadline has passed; undefined where no progress is waited for. */
export function progressCheckMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const current = findCondition(status.conditions, 'Progressing');
  if (!hasProgressDeadline(deployment) || current === undefined) return undefined;
  if (isComplete(deployment, status) || current.reason === 'ProgressDeadlineExceeded') return undefined;
  const dueMs = (parseTime(current.lastUpdateTime) ?? nowMs) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000;
  return Math.max(0, dueMs - nowMs) + 1000;
}
