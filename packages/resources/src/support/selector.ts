/** Label selectors against labels. Source: apimachinery metav1.LabelSelectorAsSelector and pkg/labels. */
import type { LabelSelector } from '@kapella/api/types/meta-v1';

type Labels = Readonly<Record<string, string>>;

/** An undefined selector selects nothing, an empty one everything. An operator that does not exist selects nothing. */
export function selects(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  const value = (key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  for (const [key, wanted] of Object.entries(selector.matchLabels ?? {})) if (value(key) !== wanted) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (OPERATORS.get(operator)?.(value(key), values) !== true) return false;
  }
  return true;
}

type Operator = (actual: string | undefined, values: readonly string[]) => boolean;

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['In', (actual, values) => actual !== undefined && values.includes(actual)],
  ['NotIn', (actual, values) => actual === undefined || !values.includes(actual)],
  ['Exists', (actual) => actual !== undefined],
  ['DoesNotExist', (actual) => actual === undefined],
]);

export function isEmptySelector(selector: LabelSelector | undefined): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions?.length ?? 0) === 0;
}
