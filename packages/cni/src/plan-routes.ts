/** Which Pod networks of other nodes are behind which neighbour. Source: kubernetes docs, "route" of a node without overlay. */
import type { Node } from '@kapella/api/types/core-v1';

export interface NodeRoute {
  /** Pods of the other node. */
  readonly cidr: string;
  /** Its address. */
  readonly via: string;
}

/** Pure. Every other node that has both a Pod network and an internal address of the same family, by network. */
export function planRoutes(nodes: readonly Node[], ownName: string): readonly NodeRoute[] {
  const routes: NodeRoute[] = [];
  for (const { metadata, spec, status } of nodes) {
    if (metadata.name === ownName) continue;
    const podCIDRs = spec.podCIDRs ?? (spec.podCIDR === undefined ? [] : [spec.podCIDR]);
    const addresses = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
    for (const cidr of podCIDRs) {
      const via = addresses.find(({ address }) => address.includes(':') === cidr.includes(':'))?.address;
      if (via !== undefined) routes.push({ cidr, via });
    }
  }
  return routes.sort((a, b) => (a.cidr < b.cidr ? -1 : 1));
}
