/**
 * Networks as options give them: one of IPv4 and, with a comma, one of IPv6: `10.42.0.0/16,fd42::/56`.
 * Source: kube-apiserver --service-cluster-ip-range.
 */

export interface Ipv4Network {
  /** First address as a number. */
  readonly base: number;
  readonly prefix: number;
}

/** Each network of an option, the IPv4 one first. */
export const networksOf = (cidrs: string): readonly string[] => cidrs.split(',');

/** The IPv4 network of an option. */
export const ipv4Of = (cidrs: string): string => networksOf(cidrs)[0] ?? '';

/** Undefined where the option gives IPv4 alone. */
export const ipv6Of = (cidrs: string): string | undefined => networksOf(cidrs)[1];

/** The IPv4 network of an option as numbers. */
export function parseNetwork(cidrs: string): Ipv4Network {
  const [address = '', prefixText = '32'] = ipv4Of(cidrs).split('/');
  const prefix = Number(prefixText);
  const number = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - prefix);
  return { base: Math.floor(number / size) * size, prefix };
}

/** The `index`th address of the IPv4 network of an option, as text. */
export function addressAt(cidrs: string, index: number): string {
  const value = parseNetwork(cidrs).base + index;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Whether two options share an address. */
export function overlaps(a: string, b: string): boolean {
  return networksOf(a).some((left) => networksOf(b).some((right) => overlap(left, right)));
}

function overlap(a: string, b: string): boolean {
  const [left, right] = [bitsOf(a), bitsOf(b)];
  if (left === undefined || right === undefined || a.includes(':') !== b.includes(':')) return false;
  const length = Math.min(left.length, right.length);
  return left.slice(0, length) === right.slice(0, length);
}

/** The network part as zeros and ones; undefined for what is no network. */
function bitsOf(cidr: string): string | undefined {
  const [address = '', prefix = ''] = cidr.split('/');
  if (!/^\d{1,3}$/.test(prefix)) return undefined;
  const bits = address.includes(':') ? ipv6Bits(address) : ipv4Bits(address);
  return bits === undefined || Number(prefix) > bits.length ? undefined : bits.slice(0, Number(prefix));
}

function ipv4Bits(address: string): string | undefined {
  const bytes = address.split('.');
  if (bytes.length !== 4 || !bytes.every((byte) => /^\d{1,3}$/.test(byte) && Number(byte) < 256)) return undefined;
  return bytes.map((byte) => Number(byte).toString(2).padStart(8, '0')).join('');
}

function ipv6Bits(address: string): string | undefined {
  const halves = address.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = halves;
  const missing = 8 - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
}

/** Prefix lengths that the second network of an option may have. */
export interface Ipv6Limits {
  readonly min: number;
  readonly max: number;
}

/** Why the text is no such option; undefined when it is one. */
export function checkNetworks(value: string, { min, max }: Ipv6Limits): string | undefined {
  const [first = '', second, ...more] = networksOf(value);
  const prefix = Number(first.split('/')[1]);
  if (first.includes(':') || bitsOf(first) === undefined || prefix < 8 || prefix > 28 || more.length > 0) {
    return 'must be an IPv4 network such as 10.42.0.0/16, from /8 to /28; one of IPv6 may follow after a comma';
  }
  if (second === undefined) return undefined;
  const bits = second.includes(':') ? bitsOf(second) : undefined;
  if (bits === undefined || bits.length < min || bits.length > max || !isBase(second, bits)) {
    return `the second must be an IPv6 network such as fd42:0:0:1::/${max}, from /${min} to /${max}`;
  }
  return undefined;
}

/** Nodes take pieces by adding to it, so nothing may stand behind the prefix. */
const isBase = (cidr: string, bits: string) =>
  !(ipv6Bits(cidr.split('/')[0] ?? '') ?? '1').slice(bits.length).includes('1');
