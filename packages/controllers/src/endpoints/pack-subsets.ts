/** Addresses and ports in their canonical layout. Pure. Source: kubernetes pkg/api/v1/endpoints/util.go, RepackSubsets. */
import type { EndpointAddress, EndpointPort, EndpointSubset } from '@kapella/api/types/core-v1';

export interface AddressOnPort {
  readonly address: EndpointAddress;
  /** Undefined for an address without ports. */
  readonly port: EndpointPort | undefined;
  readonly ready: boolean;
}

interface Host {
  readonly id: string;
  readonly address: EndpointAddress;
  ready: boolean;
}

/**
 * Ports that the very same addresses offer share a subset; an address is once in it, and not ready wins. Everything is
 * sorted, so that equal input in any order gives equal output.
 */
export function packSubsets(entries: readonly AddressOnPort[]): EndpointSubset[] {
  const ports = new Map<string, { readonly port: EndpointPort | undefined; readonly hosts: Map<string, Host> }>();
  for (const { address, port, ready } of entries) {
    const portId = portKey(port);
    let entry = ports.get(portId);
    if (entry === undefined) {
      entry = { port, hosts: new Map() };
      ports.set(portId, entry);
    }
    const id = JSON.stringify([address.ip, address.targetRef?.uid ?? '']);
    const host = entry.hosts.get(id);
    if (host === undefined) entry.hosts.set(id, { id, address, ready });
    else host.ready &&= ready;
  }
  const subsets = new Map<string, { readonly hosts: readonly Host[]; readonly ports: EndpointPort[] }>();
  for (const [, { port, hosts }] of [...ports].toSorted(([a], [b]) => compare(a, b))) {
    const sorted = [...hosts.values()].toSorted((a, b) => compare(a.id, b.id));
    const key = sorted.map((host) => host.id).join();
    const subset = subsets.get(key) ?? { hosts: sorted, ports: [] };
    subsets.set(key, subset);
    if (port !== undefined) subset.ports.push(port);
  }
  return [...subsets]
    .toSorted(([a], [b]) => compare(a, b))
    .map(([, { hosts, ports: shared }]) => subsetOf(hosts, shared));
}

function subsetOf(hosts: readonly Host[], ports: readonly EndpointPort[]): EndpointSubset {
  const addresses = hosts.filter((host) => host.ready).map((host) => host.address);
  const notReadyAddresses = hosts.filter((host) => !host.ready).map((host) => host.address);
  return {
    ...(addresses.length > 0 ? { addresses } : {}),
    ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
    ...(ports.length > 0 ? { ports } : {}),
  };
}

function portKey(port: EndpointPort | undefined): string {
  if (port === undefined) return '';
  return JSON.stringify([port.name ?? '', port.protocol ?? 'TCP', port.port, port.appProtocol ?? '']);
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
