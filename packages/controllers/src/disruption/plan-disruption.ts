/** How many Pods of a budget may go now. Pure. Source: kubernetes pkg/controller/disruption/disruption.go. */
import { scaledValueOf } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '@kapella/api/types/policy-v1';
import { formatTime, parseTime } from '@kapella/base';

/** An eviction that was allowed but whose Pod is not deleted counts against the budget for this long. */
const EVICTION_MS_MAX = 2 * 60_000;

export interface DisruptionPlan {
  readonly status: PodDisruptionBudgetStatus;
  /** When the answer may change by time alone. */
  readonly recheckAfterMs: number | undefined;
  /** An eviction was allowed for these, but they are still there. */
  readonly notDeleted: readonly Pod[];
}

/** Whether the budget counts by what owners want, and so must know their scale. */
export function countsScale({ spec: { maxUnavailable, minAvailable } }: PodDisruptionBudget): boolean {
  return maxUnavailable !== undefined || typeof minAvailable === 'string';
}

/** `pods`: those that the budget selects. `scale`: replicas that their owners want together, where that counts. */
export function planDisruption(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  scale: number,
  nowMs: number,
): DisruptionPlan {
  const { expectedPods, desiredHealthy } = goals(budget, pods, scale);
  const { disruptedPods, recheckAfterMs, notDeleted } = stillDisrupted(budget, pods, nowMs);
  const currentHealthy = pods.filter(
    (pod) => isHealthy(pod) && !Object.hasOwn(disruptedPods, pod.metadata.name),
  ).length;
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const [reason, state] =
    disruptionsAllowed > 0 ? ['SufficientPods', 'True' as const] : ['InsufficientPods', 'False' as const];
  const status: PodDisruptionBudgetStatus = {
    ...(budget.metadata.generation !== undefined && { observedGeneration: budget.metadata.generation }),
    ...(Object.keys(disruptedPods).length > 0 && { disruptedPods }),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    conditions: withCondition(budget, state, reason, '', nowMs),
  };
  return { status, recheckAfterMs, notDeleted };
}

/** Where nothing can be told, no disruption is allowed. */
export function failedStatus(budget: PodDisruptionBudget, message: string, nowMs: number): PodDisruptionBudgetStatus {
  const conditions = withCondition(budget, 'False', 'SyncFailed', message, nowMs);
  const none = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  return { ...none, ...budget.status, disruptionsAllowed: 0, conditions };
}

function goals(budget: PodDisruptionBudget, pods: readonly Pod[], scale: number) {
  const { minAvailable, maxUnavailable } = budget.spec;
  if (maxUnavailable !== undefined) {
    return { expectedPods: scale, desiredHealthy: Math.max(0, scale - scaledValueOf(maxUnavailable, scale, 'up')) };
  }
  if (minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0 };
  const expectedPods = typeof minAvailable === 'string' ? scale : pods.length;
  return { expectedPods, desiredHealthy: scaledValueOf(minAvailable, expectedPods, 'up') };
}

function isHealthy(pod: Pod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  return (
    pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false
  );
}

function stillDisrupted(budget: PodDisruptionBudget, pods: readonly Pod[], nowMs: number) {
  const present = new Map(Object.entries(budget.status?.disruptedPods ?? {}));
  const disruptedPods: Record<string, string> = Object.create(null);
  const notDeleted: Pod[] = [];
  let recheckAfterMs: number | undefined;
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata;
    const at = present.get(name);
    const atMs = parseTime(at);
    if (at === undefined || atMs === undefined || deletionTimestamp !== undefined) continue;
    const leftMs = atMs + EVICTION_MS_MAX - nowMs;
    if (leftMs < 0) {
      notDeleted.push(pod);
      continue;
    }
    disruptedPods[name] = at;
    recheckAfterMs = Math.min(recheckAfterMs ?? leftMs, leftMs);
  }
  return { disruptedPods, recheckAfterMs: recheckAfterMs === undefined ? undefined : recheckAfterMs + 1, notDeleted };
}

function withCondition(
  budget: PodDisruptionBudget,
  status: 'True' | 'False',
  reason: string,
  message: string,
  nowMs: number,
) {
  const type = 'DisruptionAllowed';
  const present = budget.status?.conditions ?? [];
  const before = present.find((condition) => condition.type === type);
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : formatTime(nowMs);
  const observedGeneration = budget.metadata.generation ?? 0;
  const next = { type, status, observedGeneration, lastTransitionTime, reason, message };
  if (before === undefined) return [...present, next];
  return present.map((condition) => (condition === before ? next : condition));
}
