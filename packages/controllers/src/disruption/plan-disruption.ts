/** How many Pods of a budget may go now. Pure. Source: kubernetes pkg/controller/disruption/disruption.go. */
import { compileLabelSelector } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '@kapella/api/types/policy-v1';
import { formatTime, parseTime } from '@kapella/base';

/** An eviction that was allowed but whose Pod is not deleted counts against the budget for this long. */
const EVICTION_MS_MAX = 2 * 60_000;

export interface DisruptionPlan {
  readonly status: PodDisruptionBudgetStatus;
  /** When the answer may change by time alone. */
  readonly recheckAfterMs: number | undefined;
}

/** `expectedOf`: how many Pods the owners of these want, undefined where an owner has no scale. */
export function planDisruption(
  budget: PodDisruptionBudget,
  podsOfNamespace: readonly Pod[],
  expectedOf: (pods: readonly Pod[]) => number | undefined,
  nowMs: number,
): DisruptionPlan {
  const selector = compileLabelSelector(budget.spec.selector);
  const pods = podsOfNamespace.filter((pod) => selector.matches(pod.metadata.labels ?? {}));
  const { expectedPods, desiredHealthy } = goals(budget, pods, expectedOf);
  const { disruptedPods, recheckAfterMs } = stillDisrupted(budget, pods, nowMs);
  const currentHealthy = pods.filter((pod) => isHealthy(pod) && !Object.hasOwn(disruptedPods, pod.metadata.name)).length;
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const base = { currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed, observedGeneration: budget.metadata.generation };
  const status: PodDisruptionBudgetStatus = {
    ...(base as PodDisruptionBudgetStatus),
    ...(Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods }),
    conditions: withCondition(budget, disruptionsAllowed, nowMs),
  };
  return { status, recheckAfterMs };
}

function goals(budget: PodDisruptionBudget, pods: readonly Pod[], expectedOf: (pods: readonly Pod[]) => number | undefined) {
  const { minAvailable, maxUnavailable } = budget.spec;
  const isShare = (value: unknown): value is string => typeof value === 'string' && value.endsWith('%');
  if (maxUnavailable !== undefined) {
    const expectedPods = expectedOf(pods) ?? pods.length;
    return { expectedPods, desiredHealthy: Math.max(0, expectedPods - scaled(maxUnavailable, expectedPods)) };
  }
  if (minAvailable === undefined) return { expectedPods: pods.length, desiredHealthy: 0 };
  const expectedPods = isShare(minAvailable) ? (expectedOf(pods) ?? pods.length) : pods.length;
  return { expectedPods, desiredHealthy: scaled(minAvailable, expectedPods) };
}

/** Shares are rounded up, as upstream does for both fields. */
function scaled(value: number | string, total: number): number {
  if (typeof value === 'number') return value;
  return Math.ceil((Number.parseInt(value, 10) * total) / 100);
}

function isHealthy(pod: Pod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  return pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}

function stillDisrupted(budget: PodDisruptionBudget, pods: readonly Pod[], nowMs: number) {
  const disruptedPods: Record<string, string> = {};
  let recheckAfterMs: number | undefined;
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata;
    const disrupted = budget.status?.disruptedPods;
    const at = disrupted !== undefined && Object.hasOwn(disrupted, name) ? disrupted[name] : undefined;
    const atMs = parseTime(at);
    if (at === undefined || atMs === undefined || deletionTimestamp !== undefined) continue;
    const leftMs = atMs + EVICTION_MS_MAX - nowMs;
    if (leftMs <= 0) continue;
    disruptedPods[name] = at;
    recheckAfterMs = Math.min(recheckAfterMs ?? leftMs, leftMs);
  }
  return { disruptedPods, recheckAfterMs };
}

function withCondition(budget: PodDisruptionBudget, allowed: number, nowMs: number) {
  const status = allowed > 0 ? ('True' as const) : ('False' as const);
  const before = budget.status?.conditions?.find((condition) => condition.type === 'DisruptionAllowed');
  const others = (budget.status?.conditions ?? []).filter((condition) => condition.type !== 'DisruptionAllowed');
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : formatTime(nowMs);
  const reason = allowed > 0 ? 'SufficientPods' : 'InsufficientPods';
  const observedGeneration = budget.metadata.generation ?? 0;
  return [...others, { type: 'DisruptionAllowed', status, reason, message: '', lastTransitionTime, observedGeneration }];
}
