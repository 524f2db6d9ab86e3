/** IP addresses and CIDRs as Go reads and prints them. Source: k8s.io/utils/net, net/netip, RFC 5952. */

/** Always 16 bytes; an IPv4 address is its mapped form, as in Go. */
export interface IpAddress {
  readonly bytes: Uint8Array;
  readonly family: 4 | 6;
  /** Written as IPv6 but in ::ffff:0:0/96: family is 4. */
  readonly mapped: boolean;
  /** Has leading zeros that other software reads as octal, or not at all. */
  readonly sloppy: boolean;
}

export interface IpNetwork {
  readonly address: IpAddress;
  /** The address with the bits beyond the prefix cleared. */
  readonly network: IpAddress;
  /** In bits of the family. */
  readonly prefixLength: number;
  readonly sloppy: boolean;
}

const MAPPED_PREFIX_BYTES = 12;
const MAPPED_PREFIX_BITS = 96;

/** undefined when the text is no address. Accepts leading zeros; see `sloppy`. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** `10.0.0.0/8`, `fd00::1/64`; undefined when the text is no CIDR. */
export function parseCidr(text: string): IpNetwork | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseIp(text.slice(0, slash));
  const bitsText = text.slice(slash + 1);
  if (address === undefined || !/^[0-9]+$/.test(bitsText)) return undefined;
  const bits = Number(bitsText);
  if (bits > (address.family === 4 && !address.mapped ? 32 : 128)) return undefined;
  const bitsOf16 = address.family === 4 && !address.mapped ? bits + MAPPED_PREFIX_BITS : bits;
  const bytes = address.bytes.map((byte, i) => byte & (0xff00 >> Math.min(Math.max(bitsOf16 - i * 8, 0), 8)));
  const mapped = isMapped(bytes);
  return {
    address,
    network: { bytes, family: mapped ? 4 : 6, mapped: mapped && address.mapped, sloppy: false },
    prefixLength: mapped ? bitsOf16 - MAPPED_PREFIX_BITS : bitsOf16,
    sloppy: address.sloppy || (bitsText.length > 1 && bitsText.startsWith('0')),
  };
}

/** The one way to write it: RFC 5952, IPv4 dotted. */
export function formatIp({ bytes, family }: IpAddress): string {
  if (family === 4) return bytes.subarray(MAPPED_PREFIX_BYTES).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const gap = longestZeroRun(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (gap.length < 2) return hex(groups);
  return `${hex(groups.slice(0, gap.start))}::${hex(groups.slice(gap.start + gap.length))}`;
}

export function formatCidr({ network, prefixLength }: IpNetwork): string {
  return `${formatIp(network)}/${prefixLength}`;
}

function parseIpv4(text: string): IpAddress | undefined {
  const octets = readOctets(text);
  if (octets === undefined) return undefined;
  const bytes = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...octets.values]);
  return { bytes, family: 4, mapped: false, sloppy: octets.sloppy };
}

function readOctets(text: string): { values: number[]; sloppy: boolean } | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^[0-9]{1,8}$/.test(part))) return undefined;
  const values = parts.map(Number);
  if (values.some((value) => value > 255)) return undefined;
  return { values, sloppy: parts.some((part) => part.length > 1 && part.startsWith('0')) };
}

function parseIpv6(text: string): IpAddress | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = readGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? readGroups(halves[1] ?? '', true) : { values: [], sloppy: false };
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.values.length - tail.values.length;
  // An ellipsis stands for one group at least.
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  const bytes = new Uint8Array([...head.values, ...new Array<number>(missing).fill(0), ...tail.values]);
  const mapped = isMapped(bytes);
  return { bytes, family: mapped ? 4 : 6, mapped, sloppy: head.sloppy || tail.sloppy };
}

/** Groups between colons as bytes; the last may be a dotted IPv4 address where the text ends with them. */
function readGroups(text: string, isEnd: boolean): { values: number[]; sloppy: boolean } | undefined {
  const values: number[] = [];
  let sloppy = false;
  const parts = text === '' ? [] : text.split(':');
  for (const [i, part] of parts.entries()) {
    if (isEnd && i === parts.length - 1 && part.includes('.')) {
      const octets = readOctets(part);
      if (octets === undefined) return undefined;
      values.push(...octets.values);
      sloppy ||= octets.sloppy;
      continue;
    }
    if (!/^[0-9a-fA-F]{1,8}$/.test(part)) return undefined;
    const group = Number.parseInt(part, 16);
    if (group > 0xffff) return undefined;
    sloppy ||= part.length > 4;
    values.push(group >> 8, group & 0xff);
  }
  return { values, sloppy };
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
}

/** The leftmost of the longest. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
