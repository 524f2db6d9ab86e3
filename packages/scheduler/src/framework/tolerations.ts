/** Whether tolerations answer a taint. Source: component-helpers/scheduling/corev1, core/v1 Toleration. */
import type { Taint, Toleration } from '@kapella/api/types/core-v1';

export function isTolerated(taint: Taint, tolerations: readonly Toleration[] = []): boolean {
  return tolerations.some((toleration) => tolerates(toleration, taint));
}

/** One toleration against one taint. An absent field of the toleration matches anything. */
function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  if (toleration.operator === 'Lt' || toleration.operator === 'Gt') return compares(toleration, taint);
  return (toleration.value ?? '') === (taint.value ?? '');
}

/** Numeric tolerations: the taint's value below or above the toleration's. Both must be whole numbers. */
function compares(toleration: Toleration, taint: Taint): boolean {
  const pattern = /^-?\d{1,18}$/;
  if (!pattern.test(taint.value ?? '') || !pattern.test(toleration.value ?? '')) return false;
  const [left, right] = [BigInt(taint.value as string), BigInt(toleration.value as string)];
  return toleration.operator === 'Lt' ? left < right : left > right;
}

/** The first taint that keeps Pods away and that no toleration answers. */
export function untoleratedTaint(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
): Taint | undefined {
  if (taints === undefined || taints.length === 0) return undefined;
  return taints.find((taint) => taint.effect !== 'PreferNoSchedule' && !isTolerated(taint, tolerations));
}
