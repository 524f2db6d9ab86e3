/** Options of the topology manager. Source: kubernetes pkg/kubelet/cm/topologymanager/policy_options.go. */
import { NUMA_NODES_MAX } from './masks.ts';

const NODES_MAX_DEFAULT = 8;

export interface TopologyOptions {
  readonly preferClosest: boolean;
  readonly nodesMax: number;
}

/** Throws an Error in upstream's words for what is none, or has no such value. */
export function parseTopologyOptions(given: Readonly<Record<string, string>>): TopologyOptions {
  let options: TopologyOptions = { preferClosest: false, nodesMax: NODES_MAX_DEFAULT };
  for (const [name, value] of Object.entries(given)) {
    switch (name) {
      case 'prefer-closest-numa-nodes':
        options = { ...options, preferClosest: parseSwitch(name, value) };
        break;
      case 'max-allowable-numa-nodes':
        options = { ...options, nodesMax: parseNodesMax(name, value) };
        break;
      default:
        throw new Error(`unknown Topology Manager Policy option: "${name}"`);
    }
  }
  return options;
}

/** As Go reads a boolean. */
export function parseSwitch(name: string, value: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw new Error(`bad value for option "${name}": "${value}" is neither true nor false`);
}

function parseNodesMax(name: string, value: string): number {
  if (!/^\d+$/.test(value)) throw new Error(`unable to convert policy option to integer "${name}": "${value}"`);
  const number = Number(value);
  if (number < NODES_MAX_DEFAULT) {
    throw new Error(`the minimum value of "${name}" should not be less than ${NODES_MAX_DEFAULT}`);
  }
  if (number > NUMA_NODES_MAX) throw new Error(`the value of "${name}" must not be more than ${NUMA_NODES_MAX}`);
  return number;
}
