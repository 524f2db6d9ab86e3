/** Requests of Pods and allocatable of nodes as numbers. Source: component-helpers/resource and framework/types.go. */
import { quantityMilli, quantityValue } from '@kapella/api';
import type { Container, Pod } from '@kapella/api/types/core-v1';

/** CPU in millicores, all else in whole units (bytes, devices). */
export type Amounts = Map<string, number>;

/** What scoring assumes for containers that ask for nothing. */
export const MILLICPU_DEFAULT = 100;
export const MEMORY_BYTES_DEFAULT = 200 * 1024 * 1024;

export function amountOf(resource: string, quantity: string | number): number {
  return resource === 'cpu' ? quantityMilli(quantity) : quantityValue(quantity);
}

export function amountsOf(list: Readonly<Record<string, string | number>> | undefined): Amounts {
  const amounts: Amounts = new Map();
  for (const [resource, quantity] of Object.entries(list ?? {})) amounts.set(resource, amountOf(resource, quantity));
  return amounts;
}

function add(into: Amounts, from: Amounts): void {
  for (const [resource, amount] of from) into.set(resource, (into.get(resource) ?? 0) + amount);
}

function atLeast(into: Amounts, from: Amounts): void {
  for (const [resource, amount] of from) into.set(resource, Math.max(into.get(resource) ?? 0, amount));
}

/** Sidecars run beside everything that starts after them; plain init containers run one by one. */
function podAmounts(pod: Pod, requestsOf: (container: Container) => Amounts): Amounts {
  const total: Amounts = new Map();
  for (const container of pod.spec.containers) add(total, requestsOf(container));
  const sidecars: Amounts = new Map();
  const initPeak: Amounts = new Map();
  for (const container of pod.spec.initContainers ?? []) {
    const requests = requestsOf(container);
    if (container.restartPolicy === 'Always') {
      add(total, requests);
      add(sidecars, requests);
      atLeast(initPeak, sidecars);
      continue;
    }
    const whileRunning: Amounts = new Map(sidecars);
    add(whileRunning, requests);
    atLeast(initPeak, whileRunning);
  }
  atLeast(total, initPeak);
  return total;
}

/** What the scheduler must set aside for the Pod, pod-level requests and overhead included. */
export function podRequests(pod: Pod): Amounts {
  const total = podAmounts(pod, (container) => amountsOf(container.resources?.requests));
  for (const [resource, amount] of amountsOf(pod.spec.resources?.requests)) total.set(resource, amount);
  add(total, amountsOf(pod.spec.overhead));
  return total;
}

/** The same with the assumed minimum, so that scoring spreads Pods that ask for nothing. */
export function podScoredRequests(pod: Pod): { readonly milliCpu: number; readonly memoryBytes: number } {
  const total = podAmounts(pod, (container) => {
    const requests = container.resources?.requests;
    return new Map([
      ['cpu', requests?.cpu === undefined ? MILLICPU_DEFAULT : quantityMilli(requests.cpu)],
      ['memory', requests?.memory === undefined ? MEMORY_BYTES_DEFAULT : quantityValue(requests.memory)],
    ]);
  });
  return { milliCpu: total.get('cpu') ?? 0, memoryBytes: total.get('memory') ?? 0 };
}
