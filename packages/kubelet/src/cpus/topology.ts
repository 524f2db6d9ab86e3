/** The processors of a machine by what they share. Source: kubernetes pkg/kubelet/cm/cpumanager/topology. */

export interface Cpu {
  readonly id: number;
  /** Two with the same core share its execution units. */
  readonly core: number;
  readonly socket: number;
  readonly numaNode: number;
  /** The last cache before memory that it shares with its neighbours. */
  readonly uncoreCache: number;
}

export type Topology = readonly Cpu[];

export type Part = 'numaNode' | 'socket' | 'uncoreCache' | 'core';

/** Cores are numbered within their socket: the key tells them apart. */
export const partOf = (cpu: Cpu, part: Part): string =>
  part === 'core' ? `${cpu.socket}/${cpu.core}` : String(cpu[part]);

export const countParts = (topology: Topology, part: Part): number =>
  new Set(topology.map((cpu) => partOf(cpu, part))).size;

export const threadsPerCore = (topology: Topology): number =>
  Math.max(1, Math.round(topology.length / Math.max(1, countParts(topology, 'core'))));

export const numaNodesOf = (topology: Topology): readonly number[] =>
  [...new Set(topology.map(({ numaNode }) => numaNode))].sort((a, b) => a - b);
