/** What hollow containers use, as far as anyone asks: annotations of their Pod say it, or a function of it. */
import { quantityMilli } from '@kapella/api';
import type { Container, Pod } from '@kapella/api/types/core-v1';

export interface Usage {
  /** Thousandths of a CPU. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

/** What a node itself needs beside its Pods. */
export const NODE_USAGE: Usage = { cpuMilli: 100, memoryBytes: 512 * 1024 ** 2 };
/** As kwok's metrics-usage has it where nothing is said. */
const IDLE: Usage = { cpuMilli: 1, memoryBytes: 1024 ** 2 };

/** `cpu` and `memory` are what annotations say, Quantities each. What cannot be read counts as not said. */
export function usageSaid(cpu: string | undefined, memory: string | undefined): Usage {
  const cpuMilli = amount(cpu);
  const memoryMilli = amount(memory);
  return {
    cpuMilli: cpuMilli ?? IDLE.cpuMilli,
    memoryBytes: memoryMilli === undefined ? IDLE.memoryBytes : Math.round(memoryMilli / 1000),
  };
}

function amount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    return Math.max(0, quantityMilli(text));
  } catch {
    return undefined; // not a Quantity: told nowhere else either, so it counts as not said
  }
}

export const sum = (usages: Iterable<Usage>): Usage => {
  let [cpuMilli, memoryBytes] = [0, 0];
  for (const usage of usages) {
    cpuMilli += usage.cpuMilli;
    memoryBytes += usage.memoryBytes;
  }
  return { cpuMilli, memoryBytes };
};

/** Containers that run now, each with what it uses. */
export function runningUsages(
  pod: Pod,
  usageOf: (pod: Pod, container: Container) => Usage,
): readonly { readonly name: string; readonly usage: Usage }[] {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const running = new Set(statuses.filter(({ state }) => state?.running !== undefined).map(({ name }) => name));
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return all
    .filter(({ name }) => running.has(name))
    .map((container) => ({ name: container.name, usage: usageOf(pod, container) }));
}
