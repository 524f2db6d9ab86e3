/**
 * Gives out cluster IPs and node ports. An IPAddress object is what makes an address taken: creating it is the lock, also
 * between several API servers. What is in memory only tells which ones to try.
 * Source: kubernetes pkg/registry/core/service/{ipallocator,portallocator}.
 */
import { networkingV1 } from '@kapella/api';
import type { Service } from '@kapella/api/types/core-v1';
import type { IPAddress } from '@kapella/api/types/networking-v1';
import type { ServerAccess } from '@kapella/apiserver';
import { type Ctx, isReason, type Random } from '@kapella/base';
import {
  AddressIndex,
  ALLOCATOR,
  DEFAULT_SERVICE_CIDR,
  FAMILY_LABEL,
  MANAGED_BY_LABEL,
  nodePortsOf,
} from './address-index.ts';
import { type IpFamilyName, type ServiceNetwork, serviceNetwork } from './ip-networks.ts';

export interface ServiceAllocatorOptions {
  /** Service networks until there is a ServiceCIDR; the first one's family is the default. At most one of each family. */
  readonly cidrs: readonly string[];
  /** Inclusive; upstream: 30000-32767. */
  readonly nodePorts?: { readonly from: number; readonly to: number };
  readonly random: Random;
  /** Where several servers give node ports out of the same range. */
  readonly claims?: ServiceClaims;
}

/** Who holds which node port, known to all servers: `port/30080`. */
export interface ServiceClaims {
  /** Takes `values` for the Service `owner` (`namespace/name`). Returns those that another one holds. */
  claim(owner: string, values: readonly string[], ctx: Ctx): Promise<readonly string[]>;
  /** Gives up what `owner` holds of `values`. Never throws. */
  release(owner: string, values: readonly string[]): void;
}

/** As claims name them. */
export function claimsOf(service: Service): readonly string[] {
  return nodePortsOf(service).map(claimOf);
}

const claimOf = (port: number): string => `port/${port}`;

/** Who an address is for. */
export interface AddressOwner {
  readonly namespace: string;
  readonly name: string;
}

/** The composition root's service `serviceAllocator`. One per server process. */
export interface ServiceAllocator {
  readonly families: readonly IpFamilyName[];
  readonly index: AddressIndex;
  /** Begins to follow what is stored, once. */
  load(server: ServerAccess): void;
  /** Any free address; rejects with upstream's text when the networks are full. `owner` undefined: a dry run. */
  takeIp(family: IpFamilyName, owner: AddressOwner | undefined, server: ServerAccess, ctx: Ctx): Promise<string>;
  /** Rejects with upstream's text when the address is taken or outside the networks. */
  reserveIp(ip: string, owner: AddressOwner | undefined, server: ServerAccess, ctx: Ctx): Promise<void>;
  /** Deletes the record. Never rejects: what is left behind is found by repair. */
  freeIp(ip: string, server: ServerAccess, ctx: Ctx): Promise<void>;
  takePort(owner: AddressOwner | undefined, ctx: Ctx): Promise<number>;
  reservePort(port: number, owner: AddressOwner | undefined, ctx: Ctx): Promise<void>;
  /** Of a write that failed, or of a Service that is gone. */
  freePort(port: number, owner: AddressOwner | undefined): void;
  /** Whether any ServiceCIDR, ready or not, has this address. */
  isInNetworks(ip: string): boolean;
  isInPorts(port: number): boolean;
  readonly portsText: string;
}

const PORTS_DEFAULT = { from: 30_000, to: 32_767 };

export function createServiceAllocator(options: ServiceAllocatorOptions): ServiceAllocator {
  return new ObjectAllocator(options);
}

/** The record of one taken address. */
export function addressRecord(ip: string, { namespace, name }: AddressOwner): IPAddress {
  const family: IpFamilyName = ip.includes(':') ? 'IPv6' : 'IPv4';
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name: ip, labels: { [FAMILY_LABEL]: family, [MANAGED_BY_LABEL]: ALLOCATOR } },
    spec: { parentRef: { resource: 'services', namespace, name } },
  } as unknown as IPAddress;
}

const keyOf = ({ namespace, name }: AddressOwner): string => `${namespace}/${name}`;

class ObjectAllocator implements ServiceAllocator {
  readonly index = new AddressIndex();
  readonly #configured: readonly ServiceNetwork[];
  readonly #from: number;
  readonly #to: number;
  readonly #random: Random;
  readonly #claims: ServiceClaims | undefined;
  /** Of writes that are under way, or not yet seen in the caches. */
  readonly #ips = new Set<string>();
  readonly #ports = new Set<number>();

  constructor({ cidrs, nodePorts = PORTS_DEFAULT, random, claims }: ServiceAllocatorOptions) {
    this.#configured = cidrs.map((cidr) => {
      const network = serviceNetwork(cidr);
      if (network === undefined) throw new Error(`invalid service network ${JSON.stringify(cidr)}`);
      return network;
    });
    this.#from = nodePorts.from;
    this.#to = nodePorts.to;
    this.#random = random;
    this.#claims = claims;
    this.index.listen(({ ip, port }) => {
      if (ip !== undefined) this.#ips.delete(ip);
      if (port !== undefined) this.#ports.delete(port);
    });
  }

  get families(): readonly IpFamilyName[] {
    return this.#configured.map(({ family }) => family);
  }

  get portsText(): string {
    return `${this.#from}-${this.#to}`;
  }

  load(server: ServerAccess): void {
    this.index.follow(server);
  }

  /** Before the default ServiceCIDR is there, what the server was started with. */
  get #networks(): readonly ServiceNetwork[] {
    const known = [...this.index.serviceCidrs.values()].filter(({ isReady }) => isReady);
    const networks = known.flatMap((each) => each.networks);
    return this.index.serviceCidrs.has(DEFAULT_SERVICE_CIDR) ? networks : [...this.#configured, ...networks];
  }

  async takeIp(family: IpFamilyName, owner: AddressOwner | undefined, server: ServerAccess, ctx: Ctx): Promise<string> {
    for (const network of this.#networks) {
      if (network.family !== family) continue;
      for (const ip of network.candidates(this.#random)) {
        if (this.#isTaken(ip)) continue;
        if (owner === undefined || (await this.#claim(ip, owner, server, ctx))) return ip;
      }
    }
    throw new Error('range is full');
  }

  async reserveIp(ip: string, owner: AddressOwner | undefined, server: ServerAccess, ctx: Ctx): Promise<void> {
    const network = this.#networks.find((each) => each.contains(ip));
    if (network === undefined) throw new Error('the provided network does not match the current range');
    if (!network.mayUse(ip)) {
      throw new Error(`the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${network.cidr}`);
    }
    if (this.#isTaken(ip) || (owner !== undefined && !(await this.#claim(ip, owner, server, ctx)))) {
      throw new Error('provided IP is already allocated');
    }
  }

  #isTaken(ip: string): boolean {
    return this.#ips.has(ip) || this.index.isIpTaken(ip);
  }

  /** false: another was first. */
  async #claim(ip: string, owner: AddressOwner, server: ServerAccess, ctx: Ctx): Promise<boolean> {
    this.#ips.add(ip);
    try {
      await server.create(networkingV1.IPAddress, addressRecord(ip, owner), ctx);
      return true;
    } catch (error) {
      this.#ips.delete(ip);
      if (isReason(error, 'AlreadyExists')) return false;
      throw error;
    }
  }

  async freeIp(ip: string, server: ServerAccess, ctx: Ctx): Promise<void> {
    this.#ips.delete(ip);
    try {
      await server.delete(networkingV1.IPAddress, '', ip, {}, ctx);
    } catch (error) {
      if (!isReason(error, 'NotFound')) ctx.log.warn('address not released', { ip, error: String(error) });
    }
  }

  async takePort(owner: AddressOwner | undefined, ctx: Ctx): Promise<number> {
    const count = this.#to - this.#from + 1;
    const lower = Math.min(Math.max(Math.floor(count / 32), 16), 128);
    const upperFrom = Math.min(this.#from + lower, this.#to);
    const tried = new Set<number>();
    for (;;) {
      const port = this.#drawPort(upperFrom, this.#to, tried) ?? this.#drawPort(this.#from, upperFrom - 1, tried);
      if (port === undefined) throw new Error('range is full');
      if (await this.#claimPort(port, owner, ctx)) return port;
      tried.add(port);
    }
  }

  #drawPort(from: number, to: number, tried: ReadonlySet<number>): number | undefined {
    const count = to - from + 1;
    if (count <= 0) return undefined;
    const start = Math.floor(this.#random.float() * count);
    for (let i = 0; i < count; i++) {
      const port = from + ((start + i) % count);
      if (!this.#isPortTaken(port) && !tried.has(port)) return port;
    }
    return undefined;
  }

  #isPortTaken(port: number): boolean {
    return this.#ports.has(port) || this.index.isPortTaken(port);
  }

  async reservePort(port: number, owner: AddressOwner | undefined, ctx: Ctx): Promise<void> {
    if (!this.isInPorts(port)) {
      throw new Error(`provided port is not in the valid range. The range of valid ports is ${this.portsText}`);
    }
    if (this.#isPortTaken(port) || !(await this.#claimPort(port, owner, ctx))) {
      throw new Error('provided port is already allocated');
    }
  }

  /** false: a Service of another server has it. */
  async #claimPort(port: number, owner: AddressOwner | undefined, ctx: Ctx): Promise<boolean> {
    this.#ports.add(port);
    if (this.#claims === undefined || owner === undefined) return true;
    try {
      const lost = await this.#claims.claim(keyOf(owner), [claimOf(port)], ctx);
      if (lost.length === 0) return true;
    } catch (error) {
      this.#ports.delete(port);
      throw error;
    }
    this.#ports.delete(port);
    return false;
  }

  freePort(port: number, owner: AddressOwner | undefined): void {
    this.#ports.delete(port);
    if (owner !== undefined) this.#claims?.release(keyOf(owner), [claimOf(port)]);
  }

  isInNetworks(ip: string): boolean {
    const known = [...this.index.serviceCidrs.values()].flatMap(({ networks }) => networks);
    return (known.length === 0 ? this.#configured : known).some((network) => network.contains(ip));
  }

  isInPorts(port: number): boolean {
    return port >= this.#from && port <= this.#to;
  }
}
