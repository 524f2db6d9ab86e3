/** What the proxy's pure core reads and writes. Source: kubernetes pkg/proxy/{types,serviceport,endpoint}.go. */

export type Family = 'IPv4' | 'IPv6';

/** The node the rules are for. Everything here is fixed for the life of one proxy. */
export interface ProxyNode {
  readonly name: string;
  /** Addresses on which NodePorts and hostPorts answer; each its own family. */
  readonly nodePortAddresses: readonly string[];
  /** Pod networks of the whole cluster: what comes from elsewhere to a ClusterIP is masqueraded. */
  readonly podCIDRs: readonly string[];
  readonly families: readonly Family[];
}

/** The sets and maps of one table. `clients` is not among them: the kernel fills it. */
export const SET_NAMES = [
  'services',
  'endpoints',
  'external-local',
  'endpoints-local',
  'sticky-ids',
  'sticky-ids-local',
  'sticky-endpoints',
  'masquerades',
  'refused',
  'cluster-ips',
  'hairpin',
  'guarded',
  'allowed',
] as const;
export type SetName = (typeof SET_NAMES)[number];

/** One element: `key` in nft's words; `value` is '' where the set is no map. */
export interface Element {
  readonly set: SetName;
  readonly key: string;
  readonly value: string;
}

/** A UDP address in front of endpoints: flows of it must be forgotten when an endpoint goes. */
export interface UdpFrontend {
  readonly ip: string;
  readonly port: number;
  /** `ip:port` or `[ip]:port` of each endpoint. */
  readonly endpoints: readonly string[];
}

/** What one Service (or one Pod with hostPorts) adds to the table of one family. */
export interface Contribution {
  readonly elements: readonly Element[];
  readonly udp: readonly UdpFrontend[];
}

/** Tracked UDP flows to forget: to this address, and where given only those translated to this endpoint. */
export interface StaleFlow {
  readonly family: Family;
  readonly ip: string;
  readonly port: number;
  readonly endpoint?: { readonly ip: string; readonly port: number };
}

/** A whole table: what a full sync writes. */
export interface RuleState {
  readonly family: Family;
  readonly chains: ReadonlySet<string>;
  readonly sets: ReadonlyMap<SetName, ReadonlyMap<string, string>>;
}

export interface SetChange {
  readonly removed: ReadonlyMap<string, string>;
  readonly added: ReadonlyMap<string, string>;
}

/** The difference of two tables; one transaction. */
export interface RuleChange {
  readonly family: Family;
  readonly chainsAdded: readonly string[];
  readonly chainsRemoved: readonly string[];
  readonly sets: ReadonlyMap<SetName, SetChange>;
  readonly staleFlows: readonly StaleFlow[];
}

/** Numbers: names would need /etc/protocols on the node. */
export const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

export const familyOf = (ip: string): Family => (ip.includes(':') ? 'IPv6' : 'IPv4');

export const hostPort = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

export function splitHostPort(text: string): { ip: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { ip: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}
