/**
 * A cluster's Pod network cut into pieces of one size, one for each node. Pure. Source: kubernetes
 * pkg/controller/nodeipam/ipam/cidrset/cidr_set.go.
 */
import { formatIp, parseCidr } from '@kapella/api';

/** Upstream's: more pieces than that are not cut. */
const PIECE_BITS_MAX = 16;

export class CidrPool {
  readonly #cluster: Network;
  readonly #prefix: number;
  readonly #pieces: number;
  /** How many hold a piece, by its number: two nodes may have been given one by hand. */
  readonly #holders = new Map<number, number>();
  #next = 0;

  /** A cluster network smaller than a piece is one piece. Undefined: no network, or too many pieces of it. */
  static of(cluster: string, nodePrefix: number): CidrPool | undefined {
    const network = parseNetwork(cluster);
    if (network === undefined || nodePrefix > network.bits || nodePrefix - network.prefix > PIECE_BITS_MAX)
      return undefined;
    return new CidrPool(network, Math.max(nodePrefix, network.prefix));
  }

  private constructor(cluster: Network, prefix: number) {
    this.#cluster = cluster;
    this.#prefix = prefix;
    this.#pieces = 2 ** (prefix - cluster.prefix);
  }

  /** The free piece that follows the one given last, round and round; undefined: there is none. */
  take(): string | undefined {
    if (this.#holders.size >= this.#pieces) return undefined;
    while (this.#holders.has(this.#next)) this.#next = (this.#next + 1) % this.#pieces;
    const piece = this.#next;
    this.#next = (piece + 1) % this.#pieces;
    this.#holders.set(piece, 1);
    const { bits, base } = this.#cluster;
    return `${text(base + (BigInt(piece) << BigInt(bits - this.#prefix)), bits)}/${this.#prefix}`;
  }

  /** Whatever of the pool lies in the network is not given away. */
  hold(cidr: string): void {
    for (const piece of this.#piecesOf(cidr)) this.#holders.set(piece, (this.#holders.get(piece) ?? 0) + 1);
  }

  release(cidr: string): void {
    for (const piece of this.#piecesOf(cidr)) {
      const left = (this.#holders.get(piece) ?? 0) - 1;
      if (left > 0) this.#holders.set(piece, left);
      else this.#holders.delete(piece);
    }
  }

  /** Numbers of the pieces that the network overlaps. */
  *#piecesOf(cidr: string): Iterable<number> {
    const network = parseNetwork(cidr);
    const { bits, base } = this.#cluster;
    if (network === undefined || network.bits !== bits) return;
    const shift = BigInt(bits - this.#prefix);
    const first = (network.base - base) >> shift;
    const last = (network.base + (1n << BigInt(bits - network.prefix)) - 1n - base) >> shift;
    const from = first < 0n ? 0n : first;
    const to = last < BigInt(this.#pieces) ? last : BigInt(this.#pieces - 1);
    for (let piece = from; piece <= to; piece++) yield Number(piece);
  }
}

interface Network {
  /** The first address, as a number. */
  readonly base: bigint;
  readonly prefix: number;
  /** Of an address of the family. */
  readonly bits: 32 | 128;
}

function parseNetwork(cidr: string): Network | undefined {
  const parsed = parseCidr(cidr);
  if (parsed === undefined) return undefined;
  const { bytes, family } = parsed.network;
  const own = family === 4 ? bytes.subarray(12) : bytes;
  const base = own.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { base, prefix: parsed.prefixLength, bits: family === 4 ? 32 : 128 };
}

function text(address: bigint, bits: 32 | 128): string {
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => Number((address >> BigInt(8 * (15 - i))) & 0xffn));
  return formatIp({ bytes, family: bits === 32 ? 4 : 6, mapped: false, sloppy: false });
}
