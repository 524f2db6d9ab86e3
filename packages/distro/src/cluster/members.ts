/**
 * The nodes that a cluster has on this machine. The first has the machine's own network. Each further one lives in a
 * network namespace, behind a cable to the machine, with a containerd, a node agent and an address of its own.
 */
import { addressAt, type ClusterOptions, ipv6Of, parseNetwork } from '@kapella/cli';
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
  /** The same of IPv6, in a cluster that has it. */
  readonly ipv6?: { readonly machineAddress: string; readonly nodeAddress: string };
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

type Networks = Pick<ClusterOptions, 'podCidr'>;

/** From 0 to 255: clusters side by side differ in it, as their Pod networks do. */
const slotOf = ({ podCidr }: Networks): number => Math.floor(parseNetwork(podCidr).base / 65_536) % 256;

/** Addresses of cables: of the shared address space, a network for each Pod network, which is the machine's only one. */
export const cableNetwork = (options: Networks): string => `100.64.${slotOf(options)}.0/24`;

/** The same of IPv6: unique local addresses. Undefined in a cluster without it. */
export const cableNetwork6 = (options: Networks): string | undefined =>
  ipv6Of(options.podCidr) === undefined ? undefined : `fd64:40:${slotOf(options).toString(16)}::/64`;

/** Networks of the nodes on this machine, of each family that the cluster has. */
export const cableNetworks = (options: Networks): readonly string[] =>
  [cableNetwork(options), cableNetwork6(options)].filter((cidr) => cidr !== undefined);

/** The VXLAN between the nodes of a cluster. */
export const tunnelOf = (options: Networks & Pick<ClusterOptions, 'name'>) => ({
  ...{ clusterName: options.name, device: `kapella${slotOf(options)}-vx` },
  id: 4_096 + slotOf(options),
});

function cableOf(options: ClusterOptions, index: number): Cable {
  const network = cableNetwork(options);
  const network6 = cableNetwork6(options);
  return {
    namespace: `kapella-${options.name}-${index}`,
    device: `kapella${network.split('.')[2]}-${index}`, // at most 15 characters
    machineAddress: addressAt(network, 1),
    nodeAddress: addressAt(network, index),
    ...(network6 !== undefined && {
      ipv6: { machineAddress: network6.replace('/64', '1'), nodeAddress: network6.replace('/64', index.toString(16)) },
    }),
  };
}

/** Where a node finds the API server of its machine. */
export function apiServerOf({ apiPort, bindAddress }: ClusterOptions, { cable }: Member): string {
  if (bindAddress !== '0.0.0.0') return `https://${bindAddress}:${apiPort}`;
  return `https://${cable?.machineAddress ?? '127.0.0.1'}:${apiPort}`;
}
