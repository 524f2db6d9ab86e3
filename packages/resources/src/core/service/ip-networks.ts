/** The networks that Services get their addresses from, and the order in which free ones are tried. Source: ipallocator.go. */
import { formatIp, type IpNetwork, parseCidr, parseIp } from '@kapella/api';
import type { Random } from '@kapella/base';

export type IpFamilyName = 'IPv4' | 'IPv6';

/** Addresses of a larger IPv6 network that are drawn from: upstream draws from 2^63, which is as good as this. */
const DRAWN_BITS_MAX = 32;

export interface ServiceNetwork {
  readonly cidr: string;
  readonly family: IpFamilyName;
  contains(ip: string): boolean;
  /** Neither the network's own address nor, of IPv4, the broadcast address. */
  mayUse(ip: string): boolean;
  /** Every address that may be used, once: from a random one of the upper part, then of the lower, which is for fixed choices. */
  candidates(random: Random): Iterable<string>;
}

/** undefined: the text is no network. */
export function serviceNetwork(cidr: string): ServiceNetwork | undefined {
  const network = parseCidr(cidr);
  return network === undefined ? undefined : new Network(cidr, network);
}

class Network implements ServiceNetwork {
  readonly cidr: string;
  readonly family: IpFamilyName;
  readonly #network: IpNetwork;
  readonly #base: bigint;
  readonly #size: bigint;

  constructor(cidr: string, network: IpNetwork) {
    this.cidr = cidr;
    this.family = familyOf(network.network);
    this.#network = network;
    this.#base = toNumber(network.network.bytes);
    this.#size = 1n << BigInt((this.family === 'IPv4' ? 32 : 128) - network.prefixLength);
  }

  contains(ip: string): boolean {
    return this.#offsetOf(ip) !== undefined;
  }

  mayUse(ip: string): boolean {
    const offset = this.#offsetOf(ip);
    return offset !== undefined && offset >= 1n && offset <= this.#last;
  }

  get #last(): bigint {
    return this.family === 'IPv4' ? this.#size - 2n : this.#size - 1n;
  }

  *candidates(random: Random): Iterable<string> {
    const last = this.#last;
    if (last < 1n) return;
    const share = Number(this.#size < 1n << 20n ? this.#size : 1n << 20n) / 16;
    const lower = BigInt(Math.min(256, Math.max(16, Math.floor(share))));
    const upperFrom = 1n + lower > last ? last : 1n + lower;
    yield* this.#range(upperFrom, last, random);
    yield* this.#range(1n, upperFrom - 1n, random);
  }

  *#range(from: bigint, to: bigint, random: Random): Iterable<string> {
    if (to < from) return;
    const count = to - from + 1n;
    const drawn = count < 1n << BigInt(DRAWN_BITS_MAX) ? count : 1n << BigInt(DRAWN_BITS_MAX);
    const start = BigInt(Math.floor(random.float() * Number(drawn)));
    for (let i = 0n; i < count; i++) yield this.#ipAt(from + ((start + i) % count));
  }

  #offsetOf(text: string): bigint | undefined {
    const ip = parseIp(text);
    if (ip === undefined || familyOf(ip) !== this.family) return undefined;
    const offset = toNumber(ip.bytes) - this.#base;
    return offset >= 0n && offset < this.#size ? offset : undefined;
  }

  #ipAt(offset: bigint): string {
    const bytes = new Uint8Array(16);
    let rest = this.#base + offset;
    for (let i = 15; i >= 0; i--) {
      bytes[i] = Number(rest & 255n);
      rest >>= 8n;
    }
    return formatIp({ ...this.#network.network, bytes });
  }
}

function toNumber(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

const familyOf = (ip: { readonly family: 4 | 6 }): IpFamilyName => (ip.family === 4 ? 'IPv4' : 'IPv6');
