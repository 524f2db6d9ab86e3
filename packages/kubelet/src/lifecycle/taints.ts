/** Taints and tolerations. Source: kubernetes component-helpers scheduling/corev1 (ToleratesTaint). */
import type { Taint, Toleration } from '@kapella/api/types/core-v1';

type TaintKey = Pick<Taint, 'key' | 'value' | 'effect'>;

export const toleratesTaint = (tolerations: readonly Toleration[] | undefined, taint: TaintKey): boolean =>
  (tolerations ?? []).some((toleration) => tolerates(toleration, taint));

function tolerates({ key, operator, value, effect }: Toleration, taint: TaintKey): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  return operator === 'Exists' || (value ?? '') === (taint.value ?? '');
}
