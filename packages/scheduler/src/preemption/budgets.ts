/** Which Pods a disruption budget would miss. Source: kubernetes …/defaultpreemption filterPodsWithPDBViolation. */
import { compileLabelSelector, type LabelSelector } from '@kapella/api';
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import type { PodState } from '../framework/pod-state.ts';

/** `pods` in order of importance: the first ones use up what a budget allows. */
export function splitByBudgets(pods: readonly PodState[], budgets: readonly PodDisruptionBudget[]) {
  const allowed = budgets.map((budget) => ({
    budget,
    selector: compileLabelSelector(budget.spec.selector),
    left: budget.status?.disruptionsAllowed ?? 0,
  }));
  const violating: PodState[] = [];
  const others: PodState[] = [];
  for (const pod of pods) {
    const covering = allowed.filter(({ budget, selector }) => covers(budget, selector, pod));
    for (const row of covering) row.left--;
    (covering.some(({ left }) => left < 0) ? violating : others).push(pod);
  }
  return { violating, others };
}

function covers(budget: PodDisruptionBudget, selector: LabelSelector, { pod, namespace, labels }: PodState): boolean {
  if (budget.metadata.namespace !== namespace || Object.keys(labels).length === 0) return false;
  // Its disruption is already taken into account.
  if (Object.hasOwn(budget.status?.disruptedPods ?? {}, pod.metadata.name)) return false;
  return !selector.isEmpty && selector.matches(labels);
}
