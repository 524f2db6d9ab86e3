/** What a CNI backend is: the network configuration that containerd hands to plugins for each Pod. */

export interface PodNetwork {
  /** Cluster's name, a DNS label: two clusters on one machine differ in it and in their Pod networks. */
  readonly clusterName: string;
  /** This node's part of the Pod network, one per family, IPv4 first. */
  readonly podCIDRs: readonly string[];
  /** The Pod networks of the whole cluster: traffic between them keeps its source address. */
  readonly clusterCIDRs: readonly string[];
  /** MTU of the Pods' interfaces, bytes; that of the node's uplink unless there is a tunnel. */
  readonly mtuBytes: number;
  /** Directory where the address manager remembers what it gave out. */
  readonly ipamDir: string;
}

export interface CniBackend {
  readonly name: string;
  /** Programs that must be in containerd's CNI bin directory. */
  readonly plugins: readonly string[];
  /** Name of the configuration file; containerd takes the first by name. */
  fileName(network: PodNetwork): string;
  /** Content of that file, a CNI network configuration list. */
  configList(network: PodNetwork): string;
}

/** The CNI network's name: in file names of the address manager and of cached results. */
export const networkName = (clusterName: string): string => `kapella-${clusterName}`;
