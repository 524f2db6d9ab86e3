/** Options of the static policy. Source: kubernetes pkg/kubelet/cm/cpumanager/policy_options.go. */
import type { TopologyPolicy } from '../topology/hints.ts';
import { parseSwitch } from '../topology/topology-options.ts';
import { countParts, type Topology } from './topology.ts';

export interface CpuOptions {
  readonly fullPcpusOnly: boolean;
  readonly distributeAcrossNuma: boolean;
  readonly alignBySocket: boolean;
  readonly distributeAcrossCores: boolean;
  readonly strictReservation: boolean;
  readonly alignUncoreCache: boolean;
}

const NAMES = new Map<string, keyof CpuOptions>([
  ['full-pcpus-only', 'fullPcpusOnly'],
  ['distribute-cpus-across-numa', 'distributeAcrossNuma'],
  ['align-by-socket', 'alignBySocket'],
  ['distribute-cpus-across-cores', 'distributeAcrossCores'],
  ['strict-cpu-reservation', 'strictReservation'],
  ['prefer-align-cpus-by-uncorecache', 'alignUncoreCache'],
]);

export const NO_CPU_OPTIONS: CpuOptions = {
  ...{ fullPcpusOnly: false, distributeAcrossNuma: false, alignBySocket: false },
  ...{ distributeAcrossCores: false, strictReservation: false, alignUncoreCache: false },
};

const CLASHES: readonly (readonly [string, string])[] = [
  ['full-pcpus-only', 'distribute-cpus-across-cores'],
  ['distribute-cpus-across-numa', 'distribute-cpus-across-cores'],
  ['prefer-align-cpus-by-uncorecache', 'distribute-cpus-across-cores'],
  ['prefer-align-cpus-by-uncorecache', 'distribute-cpus-across-numa'],
];

/** Throws an Error in upstream's words for what is none, has no such value, or does not go with another. */
export function parseCpuOptions(given: Readonly<Record<string, string>>): CpuOptions {
  const options = { ...NO_CPU_OPTIONS };
  for (const [name, value] of Object.entries(given)) {
    const field = NAMES.get(name);
    if (field === undefined) throw new Error(`unknown CPU Manager Policy option: "${name}"`);
    options[field] = parseSwitch(name, value);
  }
  const isOn = (name: string) => options[NAMES.get(name) as keyof CpuOptions];
  const clash = CLASHES.find(([a, b]) => isOn(a) && isOn(b));
  if (clash !== undefined) {
    throw new Error(`static policy options ${clash[0]} and ${clash[1]} can not be used at the same time`);
  }
  return options;
}

/** Throws when the machine, or the policy of the topology manager, is not fit for them. */
export function checkCpuOptions({ alignBySocket }: CpuOptions, topology: Topology, policy: TopologyPolicy): void {
  if (!alignBySocket) return;
  if (policy === 'single-numa-node') {
    throw new Error(
      'Topology manager single-numa-node policy is incompatible with CPUManager align-by-socket policy option',
    );
  }
  if (countParts(topology, 'socket') > countParts(topology, 'numaNode')) {
    throw new Error('align-by-socket is not compatible with hardware that has more sockets than NUMA nodes');
  }
}
