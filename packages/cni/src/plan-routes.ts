/** Which Pod networks of other nodes are behind which neighbour. Source: kubernetes docs, "route" of a node without overlay. */
import type { Node } from '@kapella/api/types/core-v1';

export interface NodeRoute {
  /** Pods of the other node. */
  readonly cidr: string;
  /** Its address. */
  readonly via: string;
}

export const podCIDRsOf = ({ spec }: Node): readonly string[] =>
  spec.podCIDRs ?? (spec.podCIDR === undefined ? [] : [spec.podCIDR]);

export function internalAddress({ status }: Node, family: 'IPv4' | 'IPv6'): string | undefined {
  const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  return internal.find(({ address }) => address.includes(':') === (family === 'IPv6'))?.address;
}

/** Pure. Every other node that has both a Pod network and an internal address of the same family, by network. */
export function planRoutes(nodes: readonly Node[], ownName: string): readonly NodeRoute[] {
  const routes: NodeRoute[] = [];
  for (const node of nodes) {
    if (node.metadata.name === ownName) continue;
    for (const cidr of podCIDRsOf(node)) {
      const via = internalAddress(node, cidr.includes(':') ? 'IPv6' : 'IPv4');
      if (via !== undefined) routes.push({ cidr, via });
    }
  }
  return routes.sort((a, b) => (a.cidr < b.cidr ? -1 : 1));
}
