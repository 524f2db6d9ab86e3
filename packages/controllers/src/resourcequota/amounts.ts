/** Sums of resources. Source: component-helpers/resource/helpers.go, apiserver pkg/quota/v1/resources.go. */
import { Quantity } from '@kapella/api';
import type { Container, Pod } from '@kapella/api/types/core-v1';

export type Amounts = ReadonlyMap<string, Quantity>;

export function parseAmounts(list: Readonly<Record<string, string>> | undefined): Map<string, Quantity> {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, Quantity.parse(text)]));
}

export function addAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  return combine(a, b, (left, right) => left.add(right));
}

const maxAmounts = (a: Amounts, b: Amounts) => combine(a, b, (left, right) => (left.compare(right) < 0 ? right : left));

function combine(a: Amounts, b: Amounts, both: (left: Quantity, right: Quantity) => Quantity): Map<string, Quantity> {
  const sum = new Map(a);
  for (const [name, amount] of b) {
    const present = sum.get(name);
    sum.set(name, present === undefined ? amount : both(present, amount));
  }
  return sum;
}

/** What the Pod asks for or is limited to, as the scheduler counts it. */
export function podAmounts({ spec }: Pod, part: 'requests' | 'limits'): Map<string, Quantity> {
  const of = (container: Container) => parseAmounts(container.resources?.[part]);
  let sidecars: Map<string, Quantity> = new Map();
  let start: Map<string, Quantity> = new Map();
  for (const container of spec.initContainers ?? []) {
    // An init container runs beside the sidecars begun before it.
    const beside = addAmounts(of(container), sidecars);
    start = maxAmounts(start, beside);
    if (container.restartPolicy === 'Always') sidecars = beside;
  }
  const running = spec.containers.map(of).reduce(addAmounts, sidecars);
  const needed = maxAmounts(running, start);
  const whole = [...parseAmounts(spec.resources?.[part])].filter(
    ([name]) => name === 'cpu' || name === 'memory' || name.startsWith('hugepages-'),
  );
  const stated = new Map([...needed, ...whole]);
  const overhead = [...parseAmounts(spec.overhead)].filter(
    ([name]) => part === 'requests' || stated.get(name)?.isZero === false,
  );
  return addAmounts(stated, new Map(overhead));
}
