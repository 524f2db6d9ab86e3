/** Rules for PodDisruptionBudgets. Source: kubernetes pkg/apis/policy/validation. */
import { validateLabelSelector } from '@kapella/api';
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import type { FieldErrors } from '@kapella/base';
import { checkNotNegative } from '../../support/validation/basic.ts';
import { checkAtMost100Percent, checkIntOrPercent } from '../../support/validation/workload.ts';

const POLICIES = ['AlwaysAllow', 'IfHealthyBudget'];

export function validateBudget({ spec }: PodDisruptionBudget, errors: FieldErrors): void {
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
    errors.invalid('spec', goSpec(spec), 'minAvailable and maxUnavailable cannot be both set');
  }
  for (const name of ['minAvailable', 'maxUnavailable'] as const) {
    if (spec[name] === undefined) continue;
    checkIntOrPercent(spec[name], errors, `spec.${name}`);
    checkAtMost100Percent(spec[name], errors, `spec.${name}`);
  }
  if (spec.selector !== undefined) validateLabelSelector(spec.selector, errors, 'spec.selector');
  const policy = spec.unhealthyPodEvictionPolicy;
  if (policy !== undefined && !POLICIES.includes(policy)) {
    errors.notSupported('spec.unhealthyPodEvictionPolicy', policy, POLICIES);
  }
}

/** As upstream prints the internal type: all fields, with Go's names. */
function goSpec({
  minAvailable,
  selector,
  maxUnavailable,
  unhealthyPodEvictionPolicy,
}: PodDisruptionBudget['spec']): object {
  return {
    MinAvailable: minAvailable ?? null,
    Selector: selector ?? null,
    MaxUnavailable: maxUnavailable ?? null,
    UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
  };
}

export function validateBudgetStatus(
  { status }: PodDisruptionBudget,
  _old: PodDisruptionBudget,
  errors: FieldErrors,
): void {
  checkNotNegative(status?.disruptionsAllowed, errors, 'status.disruptionsAllowed');
  checkNotNegative(status?.currentHealthy, errors, 'status.currentHealthy');
  checkNotNegative(status?.desiredHealthy, errors, 'status.desiredHealthy');
  checkNotNegative(status?.expectedPods, errors, 'status.expectedPods');
}
