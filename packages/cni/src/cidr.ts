/** Arithmetic on IPv4 networks, and the little of IPv6 that is needed here. */
import { parseCidr, parseIp } from '@kapella/api';
import { ApiError } from '@kapella/base';

const badCidr = (cidr: string) => new ApiError('BadRequest', `not a network in CIDR notation: ${JSON.stringify(cidr)}`);

/** IPv4 address as an unsigned number, or undefined. */
export function parseIPv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export const formatIPv4 = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');

/** First and last address of an IPv4 network. Throws BadRequest. */
export function rangeIPv4(cidr: string): { readonly first: number; readonly last: number } {
  const [address = '', bits = ''] = cidr.split('/');
  const ip = parseIPv4(address);
  const prefix = /^\d{1,2}$/.test(bits) ? Number(bits) : 99;
  if (ip === undefined || prefix > 32) throw badCidr(cidr);
  const size = 2 ** (32 - prefix);
  const first = Math.floor(ip / size) * size;
  return { first, last: first + size - 1 };
}

/** The first usable address: what the node's ends of all Pods' cables carry. Throws BadRequest. */
export function gatewayOf(cidr: string): string {
  if (!cidr.includes(':')) return formatIPv4(rangeIPv4(cidr).first + 1);
  const [address = ''] = cidr.split('/');
  if (!address.endsWith('::')) throw badCidr(cidr);
  return `${address}1`;
}

/** Whether an address (or the start of a network) is inside. Throws BadRequest. */
export function contains(cidr: string, address: string): boolean {
  const network = parseCidr(cidr);
  if (network === undefined) throw badCidr(cidr);
  const start = parseIp(address.split('/')[0] ?? '');
  if (start === undefined || cidr.includes(':') !== address.includes(':')) return false;
  const masked = parseCidr(`${address.split('/')[0]}/${network.prefixLength}`);
  return masked?.network.bytes.every((byte, i) => byte === network.network.bytes[i]) === true;
}

/** The network's own address: that of the node's end of a tunnel. */
export const baseOf = (cidr: string): string => cidr.split('/')[0] ?? '';
