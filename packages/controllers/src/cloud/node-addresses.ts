/**
 * A cloud for machines without one: a Service of type LoadBalancer is reached at its own ports on the addresses of the
 * nodes, whose Service rules lead on from there. Two Services cannot have one port; some ports are never given away.
 */
import { keyOf } from '@kapella/api';
import type { LoadBalancerStatus, Node, Service } from '@kapella/api/types/core-v1';
import type { CloudProvider } from './cloud-provider.ts';

export interface NodeAddressesOptions {
  readonly services: () => readonly Service[];
  /** Those that traffic may reach. */
  readonly nodes: () => readonly Node[];
  /** TCP ports of the machine itself: SSH, API server, node agent. */
  readonly reservedPorts: ReadonlySet<number>;
}

export function createNodeAddressesCloud({ services, nodes, reservedPorts }: NodeAddressesOptions): CloudProvider {
  return {
    name: 'node-addresses',
    loadBalancer: {
      async get(service) {
        const problem = portProblem(service, services(), reservedPorts);
        return problem === undefined ? addressesFor(service, nodes()) : undefined;
      },
      async ensure(service, given) {
        const problem = portProblem(service, services(), reservedPorts);
        if (problem !== undefined) throw new Error(problem);
        return addressesFor(service, given);
      },
      // All there is to it is the Service's status, which the controller writes.
      update: async () => {},
      ensureDeleted: async () => {},
    },
  };
}

const isReached = ({ status }: Service) => (status?.loadBalancer?.ingress ?? []).length > 0;

/** Pure. A wanted address (spec.loadBalancerIP) must be one of a node. */
export function addressesFor({ spec }: Service, nodes: readonly Node[]): LoadBalancerStatus {
  const families = spec.ipFamilies ?? ['IPv4'];
  const fits = (address: string) => families.includes(address.includes(':') ? 'IPv6' : 'IPv4');
  const all = nodes.flatMap(({ status }) => {
    const outer = (status?.addresses ?? []).filter(({ type }) => type === 'ExternalIP');
    const inner = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
    return (outer.length > 0 ? outer : inner).map(({ address }) => address);
  });
  const wanted = spec.loadBalancerIP;
  const chosen = [...new Set(all)].filter((address) => fits(address) && (!wanted || wanted === address)).sort();
  return { ingress: chosen.map((ip) => ({ ip })) };
}

/** Pure: why the Service's ports cannot be had on the nodes' addresses; undefined when they can. */
export function portProblem(
  service: Service,
  services: readonly Service[],
  reserved: ReadonlySet<number>,
): string | undefined {
  const own = service.spec.ports ?? [];
  const taken = own.find(({ port, protocol = 'TCP' }) => protocol === 'TCP' && reserved.has(port));
  if (taken !== undefined) return `port ${taken.port} belongs to the node itself; choose another`;
  for (const other of services) {
    if (keyOf(other) === keyOf(service) || !isReached(other)) continue;
    const same = (other.spec.ports ?? []).find((port) =>
      own.some((mine) => mine.port === port.port && (mine.protocol ?? 'TCP') === (port.protocol ?? 'TCP')),
    );
    if (same !== undefined) return `port ${same.port} is taken by Service ${keyOf(other)}; choose another`;
  }
  return undefined;
}
