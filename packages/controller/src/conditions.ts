/** metav1.Conditions of a status. Source: apimachinery/pkg/api/meta/conditions.go. */
import type { Condition } from './custom-resource/schema.ts';

export type NewCondition = Omit<Condition, 'lastTransitionTime'>;

/** With `next` in the place of the one of its type. The time of transition stays while the status stays. Pure. */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  next: NewCondition,
  /** RFC 3339. */
  now: string,
): readonly Condition[] {
  const old = conditions?.find(({ type }) => type === next.type);
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : now;
  const condition: Condition = { ...next, lastTransitionTime };
  if (old === undefined) return [...(conditions ?? []), condition];
  return (conditions ?? []).map((other) => (other === old ? condition : other));
}

export const isConditionTrue = (conditions: readonly Condition[] | undefined, type: string): boolean =>
  conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
