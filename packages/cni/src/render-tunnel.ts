/** What makes the kernel's tunnel the wanted one, from what it has. Pure. Source: ip-link(8), ip-neighbour(8), bridge(8). */
import { baseOf } from './cidr.ts';
import { type Tunnel, tunnelAlias } from './plan-tunnel.ts';

/** What is on the device now. */
export interface TunnelListing {
  /** Destinations of routes over it, of both families. */
  readonly routes: readonly string[];
  /** Addresses of lasting neighbours, of both families. */
  readonly neighbours: readonly string[];
  readonly forwarding: readonly { readonly mac: string; readonly dst: string }[];
}

export interface TunnelCommands {
  /** Lines for `ip -batch -`; each shows its family by its addresses. */
  readonly ip: readonly string[];
  /** Lines for `bridge -batch -`. */
  readonly bridge: readonly string[];
}

/** Told from all other routes of the machine by this. */
export const ROUTE_PROTOCOL = '112';

export function linkCommands({
  device,
  clusterName,
  id,
  port,
  address,
  mac,
  mtuBytes,
  addresses,
}: Tunnel): readonly string[] {
  return [
    `link add ${device} type vxlan id ${id} dstport ${port} local ${address} nolearning`,
    `link set ${device} alias "${tunnelAlias(clusterName)}" address ${mac} mtu ${mtuBytes} up`,
    ...addresses.map((own) => `addr replace ${own} dev ${device}`),
  ];
}

/** Idempotent: what is there already is set again, what nobody wants any more goes. */
export function renderTunnel({ device, peers }: Tunnel, there: TunnelListing): TunnelCommands {
  const ip: string[] = [];
  const bridge: string[] = [];
  const wanted = peers.flatMap(({ podCIDRs, mac }) => podCIDRs.map((cidr) => ({ cidr, via: baseOf(cidr), mac })));
  const cidrs = new Set(wanted.map(({ cidr }) => cidr));
  const gateways = new Set(wanted.map(({ via }) => via));
  const ends = new Set(peers.map(({ mac, address }) => `${mac} ${address}`));
  for (const route of there.routes) {
    if (!cidrs.has(route)) ip.push(`route del ${route} dev ${device} proto ${ROUTE_PROTOCOL}`);
  }
  for (const neighbour of there.neighbours) {
    if (!gateways.has(neighbour)) ip.push(`neigh del ${neighbour} dev ${device}`);
  }
  for (const { mac, dst } of there.forwarding) {
    if (!ends.has(`${mac} ${dst}`)) bridge.push(`fdb del ${mac} dev ${device} dst ${dst} self`);
  }
  for (const { mac, address } of peers) bridge.push(`fdb replace ${mac} dev ${device} dst ${address} self permanent`);
  for (const { cidr, via, mac } of wanted) {
    ip.push(`neigh replace ${via} lladdr ${mac} dev ${device} nud permanent`);
    ip.push(`route replace ${cidr} via ${via} dev ${device} onlink proto ${ROUTE_PROTOCOL}`);
  }
  return { ip, bridge };
}
