/**
 * The nodes that a cluster has on this machine. The first has the machine's own network. Each further one lives in a
 * network namespace, behind a cable to the machine, with a containerd, a node agent and an address of its own.
 */
import { addressAt, type ClusterOptions, parseNetwork } from '@kapella/cli';
import { type RuntimePaths, runtimePaths } from '../host/paths.ts';

export interface Member {
  /** 1 for the machine itself. */
  readonly index: number;
  readonly nodeName: string;
  /** The agent's own directory. */
  readonly dataDir: string;
  /** Where Pod addresses that were given out are remembered. */
  readonly ipamDir: string;
  readonly runtime: RuntimePaths;
  readonly cgroupRoot: string;
  /** Of the agent. */
  readonly pidFile: string;
  readonly logFile: string;
  /** Absent for the machine itself. */
  readonly cable?: Cable;
}

/** A pair of interfaces between the machine and the network namespace of one node. */
export interface Cable {
  readonly namespace: string;
  /** At the machine's end; at the other it is eth0. */
  readonly device: string;
  readonly machineAddress: string;
  readonly nodeAddress: string;
}

export const NODES_MAX = 16;

export function members(options: ClusterOptions): readonly Member[] {
  return Array.from({ length: options.nodes }, (_, index) => memberAt(options, index + 1));
}

export function memberAt(options: ClusterOptions, index: number): Member {
  const { name, dataDir, nodeName } = options;
  if (index === 1) {
    const runtime = runtimePaths(name, dataDir);
    return {
      index,
      nodeName,
      dataDir: `${dataDir}/node`,
      ipamDir: `${dataDir}/cni/ipam`,
      runtime,
      cgroupRoot: `/kapella-${name}/kubepods`,
      pidFile: `${runtime.runDir}/node.pid`,
      logFile: `${dataDir}/logs/node.log`,
    };
  }
  const own = `${dataDir}/nodes/${index}`;
  const runtime = runtimePaths(`${name}/node-${index}`, own);
  return {
    index,
    nodeName: `${nodeName}-${index}`,
    dataDir: `${own}/node`,
    ipamDir: `${own}/cni/ipam`,
    runtime,
    cgroupRoot: `/kapella-${name}/node-${index}/kubepods`,
    pidFile: `${runtime.runDir}/node.pid`,
    logFile: `${own}/logs/node.log`,
    cable: cableOf(options, index),
  };
}

/** Addresses of cables: of the shared address space, a network for each Pod network, which is the machine's only one. */
export function cableNetwork({ podCidr }: Pick<ClusterOptions, 'podCidr'>): string {
  return `100.64.${Math.floor(parseNetwork(podCidr).base / 65_536) % 256}.0/24`;
}

function cableOf(options: ClusterOptions, index: number): Cable {
  const network = cableNetwork(options);
  return {
    namespace: `kapella-${options.name}-${index}`,
    device: `kapella${network.split('.')[2]}-${index}`, // at most 15 characters
    machineAddress: addressAt(network, 1),
    nodeAddress: addressAt(network, index),
  };
}

/** Where a node finds the API server of its machine. */
export function apiServerOf({ apiPort, bindAddress }: ClusterOptions, { cable }: Member): string {
  if (bindAddress !== '0.0.0.0') return `https://${bindAddress}:${apiPort}`;
  return `https://${cable?.machineAddress ?? '127.0.0.1'}:${apiPort}`;
}
