/** Cluster IPs and node ports in use, in memory. Source: kubernetes pkg/registry/core/service/{ipallocator,portallocator}. */
import { coreV1, formatIp, type IpNetwork, parseCidr, parseIp } from '@kapella/api';
import type { Service } from '@kapella/api/types/core-v1';
import type { ServerAccess } from '@kapella/apiserver';
import type { Ctx, Random } from '@kapella/base';

export type IpFamilyName = 'IPv4' | 'IPv6';

export interface ServiceAllocatorOptions {
  /** Service networks; the first one's family is the default. At most one of each family. */
  readonly cidrs: readonly string[];
  /** Inclusive; upstream: 30000-32767. */
  readonly nodePorts?: { readonly from: number; readonly to: number };
  readonly random: Random;
  /** Where several servers give addresses out of the same networks. */
  readonly claims?: ServiceClaims;
}

/** Who holds which address and node port, known to all servers: `ip/10.96.0.7`, `port/30080`. */
export interface ServiceClaims {
  /** Takes `values` for the Service `owner` (`namespace/name`). Returns those that another one holds. */
  claim(owner: string, values: readonly string[], ctx: Ctx): Promise<readonly string[]>;
  /** Gives up what `owner` holds of `values`. Never throws. */
  release(owner: string, values: readonly string[]): void;
}

/**
 * The composition root's service `serviceAllocator`. One per server process: it fills itself from the stored Services
 * on first use. All methods but `load` are synchronous, so two requests never get the same address.
 */
export interface ServiceAllocator {
  readonly families: readonly IpFamilyName[];
  readonly claims: ServiceClaims | undefined;
  /** Another server's work: what the Service `key` holds now; undefined when it is gone. */
  observe(key: string, service: Service | undefined): void;
  /** A claim of another server, as `ServiceClaims` names it: not to be drawn, and refused when asked for. */
  markTaken(claim: string): void;
  load(server: ServerAccess): Promise<void>;
  /** Any free address; throws Error with upstream's text when the range is full. */
  takeIp(family: IpFamilyName): string;
  /** Throws Error with upstream's text when the address is taken or outside the range. */
  reserveIp(ip: string): void;
  freeIp(ip: string): void;
  takePort(): number;
  reservePort(port: number): void;
  freePort(port: number): void;
}

const PORTS_DEFAULT = { from: 30_000, to: 32_767 };
const IP_COUNT_MAX = 65_536; // of a large IPv6 network only the beginning is used, as upstream's bitmap did

export function createServiceAllocator(options: ServiceAllocatorOptions): ServiceAllocator {
  return new MemoryAllocator(options);
}

/** Numbers from..to; free ones are drawn at random, first from the upper part: the lower is for fixed choices. */
class NumberPool {
  readonly #taken = new Set<number>();
  readonly #from: number;
  readonly #to: number;
  readonly #upperFrom: number;
  readonly #random: Random;

  constructor(from: number, to: number, reservedCount: number, random: Random) {
    this.#from = from;
    this.#to = to;
    this.#upperFrom = Math.min(from + reservedCount, to);
    this.#random = random;
  }

  has(value: number): boolean {
    return value >= this.#from && value <= this.#to;
  }

  take(): number | undefined {
    const value = this.#takeIn(this.#upperFrom, this.#to) ?? this.#takeIn(this.#from, this.#upperFrom - 1);
    if (value !== undefined) this.#taken.add(value);
    return value;
  }

  #takeIn(from: number, to: number): number | undefined {
    const count = to - from + 1;
    if (count <= 0) return undefined;
    const start = Math.floor(this.#random.float() * count);
    for (let i = 0; i < count; i++) {
      const value = from + ((start + i) % count);
      if (!this.#taken.has(value)) return value;
    }
    return undefined;
  }

  /** false when taken already. */
  reserve(value: number): boolean {
    if (this.#taken.has(value)) return false;
    this.#taken.add(value);
    return true;
  }

  free(value: number): void {
    this.#taken.delete(value);
  }
}

interface IpPool {
  readonly network: IpNetwork;
  readonly base: bigint;
  readonly text: string;
  readonly numbers: NumberPool;
}

interface Holdings {
  readonly ips: readonly string[];
  readonly ports: readonly number[];
}
const NOTHING: Holdings = { ips: [], ports: [] };

class MemoryAllocator implements ServiceAllocator {
  readonly #pools = new Map<IpFamilyName, IpPool>();
  readonly #ports: NumberPool;
  readonly #portsText: string;
  readonly claims: ServiceClaims | undefined;
  /** What each Service was last seen to hold. */
  readonly #seen = new Map<string, Holdings>();
  #loaded: Promise<void> | undefined;

  constructor({ cidrs, nodePorts = PORTS_DEFAULT, random, claims }: ServiceAllocatorOptions) {
    this.claims = claims;
    for (const cidr of cidrs) {
      const network = parseCidr(cidr);
      if (network === undefined) throw new Error(`invalid service network ${JSON.stringify(cidr)}`);
      this.#pools.set(familyOf(network.network), ipPool(network, cidr, random));
    }
    const portCount = nodePorts.to - nodePorts.from + 1;
    this.#ports = new NumberPool(nodePorts.from, nodePorts.to, clamp(Math.floor(portCount / 32), 16, 128), random);
    this.#portsText = `${nodePorts.from}-${nodePorts.to}`;
  }

  get families(): readonly IpFamilyName[] {
    return [...this.#pools.keys()];
  }

  load(server: ServerAccess): Promise<void> {
    this.#loaded ??= this.#fill(server).catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #fill(server: ServerAccess): Promise<void> {
    for (const service of await server.list(coreV1.Service)) {
      for (const ip of clusterIpsOf(service)) this.#poolOf(ip)?.pool.numbers.reserve(this.#poolOf(ip)?.offset ?? 0);
      for (const port of nodePortsOf(service)) this.#ports.reserve(port);
    }
  }

  observe(key: string, service: Service | undefined): void {
    const held = this.#seen.get(key);
    const now = service === undefined ? NOTHING : { ips: clusterIpsOf(service), ports: nodePortsOf(service) };
    for (const ip of held?.ips ?? []) if (!now.ips.includes(ip)) this.freeIp(ip);
    for (const port of held?.ports ?? []) if (!now.ports.includes(port)) this.freePort(port);
    for (const ip of now.ips) this.#poolOf(ip)?.pool.numbers.reserve(this.#poolOf(ip)?.offset ?? 0);
    for (const port of now.ports) this.#ports.reserve(port);
    if (service === undefined) this.#seen.delete(key);
    else this.#seen.set(key, now);
  }

  markTaken(claim: string): void {
    const [kind, text = ''] = claim.split('/');
    if (kind === 'port') this.#ports.reserve(Number(text));
    else this.#poolOf(text)?.pool.numbers.reserve(this.#poolOf(text)?.offset ?? 0);
  }

  takeIp(family: IpFamilyName): string {
    const pool = this.#pools.get(family);
    const offset = pool?.numbers.take();
    if (pool === undefined || offset === undefined) throw new Error('range is full');
    return ipAt(pool, offset);
  }

  reserveIp(ip: string): void {
    const found = this.#poolOf(ip);
    if (found === undefined || !found.pool.numbers.has(found.offset)) {
      const pool = found?.pool ?? [...this.#pools.values()][0];
      throw new Error(`the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${pool?.text}`);
    }
    if (!found.pool.numbers.reserve(found.offset)) throw new Error('provided IP is already allocated');
  }

  freeIp(ip: string): void {
    const found = this.#poolOf(ip);
    found?.pool.numbers.free(found.offset);
  }

  takePort(): number {
    const port = this.#ports.take();
    if (port === undefined) throw new Error('range is full');
    return port;
  }

  reservePort(port: number): void {
    if (!this.#ports.has(port)) {
      throw new Error(`provided port is not in the valid range. The range of valid ports is ${this.#portsText}`);
    }
    if (!this.#ports.reserve(port)) throw new Error('provided port is already allocated');
  }

  freePort(port: number): void {
    this.#ports.free(port);
  }

  #poolOf(text: string): { pool: IpPool; offset: number } | undefined {
    const ip = parseIp(text);
    if (ip === undefined) return undefined;
    const pool = this.#pools.get(familyOf(ip));
    if (pool === undefined) return undefined;
    const offset = toNumber(ip.bytes) - pool.base;
    return { pool, offset: offset >= 0n && offset < BigInt(IP_COUNT_MAX) ? Number(offset) : -1 };
  }
}

/** Network and broadcast addresses are never given out. */
function ipPool(network: IpNetwork, text: string, random: Random): IpPool {
  const family = familyOf(network.network);
  const bits = (family === 'IPv4' ? 32 : 128) - network.prefixLength;
  const size = bits >= 16 ? IP_COUNT_MAX : 2 ** bits;
  const last = family === 'IPv4' && size === 2 ** bits ? size - 2 : size - 1;
  const numbers = new NumberPool(1, last, clamp(Math.floor(size / 16), 16, 256), random);
  return { network, base: toNumber(network.network.bytes), text, numbers };
}

function ipAt(pool: IpPool, offset: number): string {
  const bytes = new Uint8Array(16);
  let rest = pool.base + BigInt(offset);
  for (let i = 15; i >= 0; i--) {
    bytes[i] = Number(rest & 255n);
    rest >>= 8n;
  }
  return formatIp({ ...pool.network.network, bytes });
}

function toNumber(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

const familyOf = (ip: { readonly family: 4 | 6 }): IpFamilyName => (ip.family === 4 ? 'IPv4' : 'IPv6');
const clamp = (value: number, min: number, max: number) => Math.min(Math.max(value, min), max);

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

/** As claims name them. */
export function claimsOf(service: Service): readonly string[] {
  return [...clusterIpsOf(service).map((ip) => `ip/${ip}`), ...nodePortsOf(service).map((port) => `port/${port}`)];
}
