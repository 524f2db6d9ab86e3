/**
 * A VXLAN between all nodes: which Pod networks are behind which node. Nothing is announced or learned: the address of
 * a tunnel's end follows from its node's. Source: RFC 7348, vxlan in ip-link(8), flannel's backend of that name.
 */
import type { Node } from '@kapella/api/types/core-v1';
import { baseOf, parseIPv4 } from './cidr.ts';
import { internalAddress, podCIDRsOf } from './plan-routes.ts';

export const tunnelAlias = (clusterName: string): string => `kapella ${clusterName}`;

/** What the outer packets add to those of IPv4: Ethernet, IP, UDP and VXLAN headers. */
export const TUNNEL_BYTES = 50;
/** The kernel's own default, and flannel's. */
const PORT = 8_472;

export interface TunnelOptions {
  /** At most 15 characters. */
  readonly device: string;
  /** The device bears it as its alias, by which `reset` finds it. */
  readonly clusterName: string;
  /** VXLAN network identifier: the same on every node of a cluster. */
  readonly id: number;
  readonly mtuBytes: number;
}

export interface TunnelPeer {
  /** IPv4 address of the node, to which outer packets go. */
  readonly address: string;
  readonly mac: string;
  readonly podCIDRs: readonly string[];
}

export interface Tunnel extends TunnelOptions {
  readonly port: number;
  readonly address: string;
  readonly mac: string;
  /** Of the device, with prefix lengths: what the node itself sends to far Pods comes from these. */
  readonly addresses: readonly string[];
  readonly peers: readonly TunnelPeer[];
}

/** Pure. Undefined until the own node has both an address and a Pod network. */
export function planTunnel(nodes: readonly Node[], ownName: string, options: TunnelOptions): Tunnel | undefined {
  const ends = nodes.flatMap((node) => {
    const address = internalAddress(node, 'IPv4');
    const podCIDRs = podCIDRsOf(node);
    if (address === undefined || podCIDRs.length === 0) return [];
    return [{ name: node.metadata.name, address, mac: macOf(address), podCIDRs }];
  });
  const own = ends.find(({ name }) => name === ownName);
  if (own === undefined) return undefined;
  const peers = ends.filter(({ name }) => name !== ownName).map(({ name: _, ...peer }) => peer);
  return {
    ...options,
    ...{ port: PORT, address: own.address, mac: own.mac },
    addresses: own.podCIDRs.map((cidr) => `${baseOf(cidr)}/${cidr.includes(':') ? 128 : 32}`),
    peers: peers.sort((a, b) => (a.address < b.address ? -1 : 1)),
  };
}

/** Locally administered; unique as the address is. */
function macOf(address: string): string {
  const value = parseIPv4(address) ?? 0;
  const bytes = [0x0a, 0x58, ...[24, 16, 8, 0].map((shift) => (value >>> shift) & 255)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
