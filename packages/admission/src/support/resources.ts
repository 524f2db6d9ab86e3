/** Amounts that Pods ask for. Source: component-helpers/resource/helpers.go. */
import { Quantity, QuantityError } from '@kapella/api';
import type { PodSpec } from '@kapella/api/types/core-v1';

export type Amounts = ReadonlyMap<string, Quantity>;
type List = Readonly<Record<string, string>>;

/** Amounts that are none are left out: validation refuses them. */
export function parseAmounts(list: List | undefined): Map<string, Quantity> {
  const amounts = new Map<string, Quantity>();
  for (const [name, text] of Object.entries(list ?? {})) {
    const amount = parseAmount(text);
    if (amount !== undefined) amounts.set(name, amount);
  }
  return amounts;
}

export function parseAmount(text: string): Quantity | undefined {
  try {
    return Quantity.parse(text);
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

export function addAmounts(...lists: readonly Amounts[]): Map<string, Quantity> {
  const sum = new Map<string, Quantity>();
  for (const list of lists) {
    for (const [name, amount] of list) sum.set(name, (sum.get(name) ?? Quantity.zero).add(amount));
  }
  return sum;
}

function maxAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const max = new Map(a);
  for (const [name, amount] of b) {
    const other = max.get(name);
    if (other === undefined || amount.compare(other) > 0) max.set(name, amount);
  }
  return max;
}

/** Sum of containers and sidecars or the largest init container, what is set for the Pod as a whole, and its overhead. */
export function podAmounts(spec: PodSpec, part: 'requests' | 'limits'): Map<string, Quantity> {
  let total = addAmounts(...(spec.containers ?? []).map((container) => parseAmounts(container.resources?.[part])));
  let sidecars: Amounts = new Map();
  let peak: Amounts = new Map();
  for (const { restartPolicy, resources } of spec.initContainers ?? []) {
    const own = parseAmounts(resources?.[part]);
    if (restartPolicy === 'Always') {
      total = addAmounts(total, own);
      sidecars = addAmounts(sidecars, own);
      peak = maxAmounts(peak, sidecars);
    } else peak = maxAmounts(peak, addAmounts(own, sidecars));
  }
  const whole = new Map([...maxAmounts(total, peak), ...parseAmounts(spec.resources?.[part])]);
  const overhead = parseAmounts(spec.overhead);
  if (part === 'requests') return addAmounts(whole, overhead);
  for (const [name, amount] of overhead) {
    const limit = whole.get(name);
    if (limit !== undefined) whole.set(name, limit.add(amount));
  }
  return whole;
}
