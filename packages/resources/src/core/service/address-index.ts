/** Which addresses and node ports the stored Services hold, as the caches have it: kept by following them. */
import { coreV1, networkingV1 } from '@kapella/api';
import type { Service } from '@kapella/api/types/core-v1';
import type { IPAddress, ServiceCIDR } from '@kapella/api/types/networking-v1';
import type { ServerAccess } from '@kapella/apiserver';
import { type ServiceNetwork, serviceNetwork } from './ip-networks.ts';

export const MANAGED_BY_LABEL = 'ipaddress.kubernetes.io/managed-by';
export const FAMILY_LABEL = 'ipaddress.kubernetes.io/ip-family';
export const ALLOCATOR = 'ipallocator.k8s.io';
export const DEFAULT_SERVICE_CIDR = 'kubernetes';

/** What one Service holds. */
export interface ServiceHolding {
  readonly ips: readonly string[];
  readonly ports: readonly number[];
}

export interface NamedNetworks {
  readonly networks: readonly ServiceNetwork[];
  /** New addresses may be taken from them. */
  readonly isReady: boolean;
}

type Listener = (changed: { readonly ip?: string; readonly port?: number }) => void;

export class AddressIndex {
  /** By `namespace/name`. */
  readonly services = new Map<string, ServiceHolding>();
  readonly serviceCidrs = new Map<string, NamedNetworks>();
  readonly #addresses = new Set<string>();
  readonly #byIp = new Map<string, Set<string>>();
  readonly #byPort = new Map<number, Set<string>>();
  readonly #listeners = new Set<Listener>();
  #isFollowing = false;

  /** Begins once; ends with the server. */
  follow(server: ServerAccess): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    server.follow<ServiceCIDR>(networkingV1.ServiceCIDR, ({ deleted, name, object }) => {
      if (deleted) this.serviceCidrs.delete(name);
      else this.serviceCidrs.set(name, networksOf(object()));
    });
    server.follow<IPAddress>(networkingV1.IPAddress, ({ deleted, name }) => {
      if (deleted) this.#addresses.delete(name);
      else this.#addresses.add(name);
      this.#tell({ ip: name });
    });
    server.follow<Service>(coreV1.Service, ({ deleted, namespace, name, object }) => {
      this.#replace(`${namespace}/${name}`, deleted ? undefined : holdingOf(object()));
    });
  }

  /** Told after each change of what holds an address or port. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  isIpTaken(ip: string): boolean {
    return this.#addresses.has(ip) || this.#byIp.has(ip);
  }

  isPortTaken(port: number): boolean {
    return this.#byPort.has(port);
  }

  hasAddress(ip: string): boolean {
    return this.#addresses.has(ip);
  }

  get addresses(): Iterable<string> {
    return this.#addresses;
  }

  /** Keys of the Services that say they have this address: more than one is an error. */
  holdersOf(ip: string): readonly string[] {
    return [...(this.#byIp.get(ip) ?? [])];
  }

  holdersOfPort(port: number): readonly string[] {
    return [...(this.#byPort.get(port) ?? [])];
  }

  #replace(key: string, next: ServiceHolding | undefined): void {
    const before = this.services.get(key);
    if (next === undefined) this.services.delete(key);
    else this.services.set(key, next);
    const changed = (a: readonly unknown[] = [], b: readonly unknown[] = []) => a.filter((item) => !b.includes(item));
    for (const ip of changed(before?.ips, next?.ips) as string[]) drop(this.#byIp, ip, key);
    for (const port of changed(before?.ports, next?.ports) as number[]) drop(this.#byPort, port, key);
    for (const ip of next?.ips ?? []) put(this.#byIp, ip, key);
    for (const port of next?.ports ?? []) put(this.#byPort, port, key);
    for (const ip of new Set([...(before?.ips ?? []), ...(next?.ips ?? [])])) this.#tell({ ip });
    for (const port of new Set([...(before?.ports ?? []), ...(next?.ports ?? [])])) this.#tell({ port });
  }

  #tell(changed: Parameters<Listener>[0]): void {
    for (const listener of this.#listeners) listener(changed);
  }
}

function put<K>(map: Map<K, Set<string>>, value: K, key: string): void {
  const keys = map.get(value);
  if (keys === undefined) map.set(value, new Set([key]));
  else keys.add(key);
}

function drop<K>(map: Map<K, Set<string>>, value: K, key: string): void {
  const keys = map.get(value);
  keys?.delete(key);
  if (keys?.size === 0) map.delete(value);
}

const holdingOf = (service: Service): ServiceHolding => ({ ips: clusterIpsOf(service), ports: nodePortsOf(service) });

function networksOf({ metadata, spec, status }: ServiceCIDR): NamedNetworks {
  const networks = (spec?.cidrs ?? []).map(serviceNetwork).filter((network) => network !== undefined);
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
  return { networks, isReady: ready && metadata.deletionTimestamp === undefined };
}

/** Addresses that a Service holds; none for headless and ExternalName ones. */
export function clusterIpsOf(service: Service): readonly string[] {
  const { clusterIP, clusterIPs = clusterIP ? [clusterIP] : [], type } = service.spec;
  return type === 'ExternalName' ? [] : clusterIPs.filter((ip) => ip !== '' && ip !== 'None');
}

/** Distinct node ports that a Service holds, the health check's included. */
export function nodePortsOf(service: Service): readonly number[] {
  const ports = (service.spec.ports ?? []).map((port) => port.nodePort ?? 0);
  return [...new Set([...ports, service.spec.healthCheckNodePort ?? 0])].filter((port) => port !== 0);
}
