/** Pods' traffic out of the cluster leaves with the node's address: one nftables table per cluster. */

export interface MasqueradePlan {
  readonly clusterName: string;
  /** What to translate: this node's Pods. */
  readonly podCIDRs: readonly string[];
  /** What to leave alone: every Pod of the cluster, and what the operator adds. */
  readonly clusterCIDRs: readonly string[];
}

export const masqueradeTable = (clusterName: string): string => `kapella-${clusterName}-net`;

const families = ['ip', 'ip6'] as const;
const familyOf = (cidr: string) => (cidr.includes(':') ? 'ip6' : 'ip');

/** Text for `nft -f`: sets the tables, whatever was there, in one transaction. */
export function renderMasquerade(plan: MasqueradePlan): string {
  const lines: string[] = [];
  for (const family of families) {
    const pods = plan.podCIDRs.filter((cidr) => familyOf(cidr) === family);
    if (pods.length === 0) continue;
    const near = [...new Set([...plan.clusterCIDRs, ...pods])].filter((cidr) => familyOf(cidr) === family);
    const head = `${family} ${masqueradeTable(plan.clusterName)}`;
    // Multicast cannot be answered through a translation; upstream's plugins leave it alone too.
    const multicast = family === 'ip' ? '224.0.0.0/4' : 'ff00::/8';
    lines.push(
      `add table ${head}`,
      `add chain ${head} postrouting { type nat hook postrouting priority srcnat; policy accept; }`,
      `flush chain ${head} postrouting`,
      `add rule ${head} postrouting ${family} saddr { ${pods.join(', ')} } ` +
        `${family} daddr != { ${[...near, multicast].join(', ')} } masquerade fully-random`,
    );
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

export function renderMasqueradeRemoval(clusterName: string): string {
  return families
    .map((family) => `${family} ${masqueradeTable(clusterName)}`)
    .map((head) => `add table ${head}\ndelete table ${head}\n`)
    .join('');
}
