/** The processors of a machine, and which of them to take together. Source: kubernetes pkg/kubelet/cm/cpumanager/cpu_assignment.go. */

export interface Cpu {
  readonly id: number;
  /** Two with the same core share its execution units. */
  readonly core: number;
  readonly socket: number;
  readonly numaNode: number;
}

export type Topology = readonly Cpu[];

export const threadsPerCore = (topology: Topology): number =>
  Math.max(1, Math.round(topology.length / new Set(topology.map(coreKey)).size));

const coreKey = ({ socket, core }: Cpu) => `${socket}/${core}`;

/**
 * `count` of the free ones: whole sockets, then whole cores, then what is left, from where least is free, so that whole
 * sockets and cores stay whole. undefined = there are not that many.
 */
export function takeCpus(topology: Topology, free: ReadonlySet<number>, count: number): readonly number[] | undefined {
  if (free.size < count) return undefined;
  const taken: number[] = [];
  const left = new Set(free);
  const take = (cpus: readonly Cpu[]) => {
    for (const { id } of cpus) {
      taken.push(id);
      left.delete(id);
    }
  };
  const missing = () => count - taken.length;
  for (const keyOf of [(cpu: Cpu) => String(cpu.socket), coreKey]) {
    for (const cpus of groups(topology, keyOf)) {
      if (cpus.length <= missing() && cpus.every(({ id }) => left.has(id))) take(cpus);
    }
  }
  if (missing() > 0) take(singles(topology, left).slice(0, missing()));
  return taken.sort((a, b) => a - b);
}

function groups(topology: Topology, keyOf: (cpu: Cpu) => string): readonly (readonly Cpu[])[] {
  const found = new Map<string, Cpu[]>();
  for (const cpu of topology) found.set(keyOf(cpu), [...(found.get(keyOf(cpu)) ?? []), cpu]);
  return [...found.values()];
}

/** From sockets, and there from cores, that have least left. */
function singles(topology: Topology, left: ReadonlySet<number>): readonly Cpu[] {
  const countBy = (keyOf: (cpu: Cpu) => string) => {
    const counts = new Map<string, number>();
    for (const cpu of topology) if (left.has(cpu.id)) counts.set(keyOf(cpu), (counts.get(keyOf(cpu)) ?? 0) + 1);
    return (cpu: Cpu) => counts.get(keyOf(cpu)) ?? 0;
  };
  const inSocket = countBy(({ socket }) => String(socket));
  const inCore = countBy(coreKey);
  return topology
    .filter(({ id }) => left.has(id))
    .toSorted(
      (a, b) =>
        inSocket(a) - inSocket(b) || a.socket - b.socket || inCore(a) - inCore(b) || a.core - b.core || a.id - b.id,
    );
}
