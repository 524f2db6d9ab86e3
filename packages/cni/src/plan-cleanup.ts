/** What Pod networking has left on a node, from what the node's tools list. Nothing of another cluster. */
import { networkName } from './backend.ts';
import { contains } from './cidr.ts';
import { masqueradeTable } from './masquerade.ts';

/** One row of `ip -j route`. */
export interface RouteRow {
  readonly dst?: string;
  readonly dev?: string;
}

export interface NodeListing {
  readonly routes: readonly RouteRow[];
  /** Lines of `nft list tables`, e.g. `table ip kapella-x-net`. */
  readonly nftTables: readonly string[];
  /** File names in the runtime's directory of cached CNI results. */
  readonly cachedResults: readonly string[];
}

export interface Cleanup {
  readonly interfaces: readonly string[];
  /** `ip kapella-x-net` */
  readonly tables: readonly string[];
  readonly cachedResults: readonly string[];
}

/**
 * Pure. The ptp plugin names interfaces by chance; those of this cluster are the veth ends to which its Pods' addresses
 * are routed.
 */
export function planCleanup(clusterName: string, podCIDRs: readonly string[], listing: NodeListing): Cleanup {
  const interfaces = new Set<string>();
  for (const { dst, dev } of listing.routes) {
    if (dst === undefined || dev === undefined || !dev.startsWith('veth')) continue;
    if (podCIDRs.some((cidr) => contains(cidr, dst))) interfaces.add(dev);
  }
  const tables = listing.nftTables
    .map((line) => line.trim().replace(/^table /, ''))
    .filter((table) => table.split(' ')[1] === masqueradeTable(clusterName));
  // `<network>-<sandbox id>-<interface>`; an id is hexadecimal, so no longer network name can match.
  const pattern = new RegExp(`^${networkName(clusterName)}-([0-9a-f]{64})-`);
  // The runtime gives each sandbox a loopback by a network of its own, which is called the same in every cluster.
  const own = new Set<string>();
  for (const name of listing.cachedResults) {
    const id = pattern.exec(name)?.[1];
    if (id !== undefined) own.add(name).add(`cni-loopback-${id}-lo`);
  }
  return {
    interfaces: [...interfaces].sort(),
    tables,
    cachedResults: listing.cachedResults.filter((name) => own.has(name)),
  };
}
