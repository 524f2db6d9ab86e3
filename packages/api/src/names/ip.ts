/** Rules for fields that hold IP addresses and CIDRs. Source: apimachinery/pkg/util/validation/ip.go. */
import { formatCidr, formatIp, type IpNetwork, parseCidr, parseIp } from './ip-address.ts';
import { problems } from './messages.ts';

const quote = (text: string): string => JSON.stringify(text);

/** For new fields: the canonical form only. */
export function validateIp(value: string): string[] {
  const found = validateIpForLegacyField(value);
  if (found.length > 0) return found;
  const ip = parseIp(value);
  const canonical = ip === undefined ? value : formatIp(ip);
  return value === canonical ? [] : [`must be in canonical form (${quote(canonical)})`];
}

/** For fields older than the strict rules; what the old object held (`oldValues`) stays valid. */
export function validateIpForLegacyField(value: string, oldValues: readonly string[] = []): string[] {
  if (oldValues.includes(value)) return [];
  const ip = parseIp(value);
  if (ip === undefined) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  return problems(
    [ip.sloppy, 'must not have leading 0s'],
    [ip.mapped && !ip.sloppy, 'must not be an IPv4-mapped IPv6 address'],
  );
}

/** For new fields: a network in canonical form, no bits beyond the prefix. */
export function validateCidr(value: string): string[] {
  const found = validateCidrForLegacyField(value);
  if (found.length > 0) return found;
  const cidr = parseCidr(value);
  const canonical = cidr === undefined ? value : formatCidr(cidr);
  return value === canonical ? [] : [`must be in canonical form (${quote(canonical)})`];
}

export function validateCidrForLegacyField(value: string, oldValues: readonly string[] = []): string[] {
  if (oldValues.includes(value)) return [];
  const cidr = parseCidr(value);
  if (cidr === undefined) return ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
  if (cidr.sloppy) return ['must not have leading 0s in IP or prefix length'];
  if (cidr.address.mapped) return ['must not have an IPv4-mapped IPv6 address'];
  return problems([hasHostBits(cidr), 'must not have bits set beyond the prefix length']);
}

/** An address with the length of its network, `192.168.1.5/24`, in canonical form. */
export function validateInterfaceAddress(value: string): string[] {
  const cidr = parseCidr(value);
  if (cidr === undefined) return ['must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)'];
  const canonical = `${formatIp(cidr.address)}/${cidr.prefixLength}`;
  return value === canonical ? [] : [`must be in canonical form (${quote(canonical)})`];
}

/** Warnings for a value that `validateIpForLegacyField` let pass. */
export function warningsForIp(field: string, value: string): string[] {
  const ip = parseIp(value);
  if (ip === undefined) return [];
  const text = formatIp(ip);
  if (ip.sloppy || ip.mapped)
    return [`${field}: non-standard IP address ${quote(value)} is invalid: use ${quote(text)}`];
  if (ip.family === 4 || text === value) return [];
  return [`${field}: IPv6 address ${quote(value)} should be in RFC 5952 canonical format (${quote(text)})`];
}

/** Warnings for a value that `validateCidrForLegacyField` let pass. */
export function warningsForCidr(field: string, value: string): string[] {
  const cidr = parseCidr(value);
  if (cidr === undefined) return [];
  const text = formatCidr(cidr);
  const warnings: string[] = [];
  if (hasHostBits(cidr)) {
    const bits = cidr.address.family === 4 && !cidr.address.mapped ? 32 : 128;
    const single = `${formatIp(cidr.address)}/${bits}`;
    const choice = `(should be ${quote(text)} or ${quote(single)}?)`;
    warnings.push(`${field}: CIDR value ${quote(value)} is ambiguous in this context ${choice}`);
  }
  if (cidr.sloppy || cidr.address.mapped) {
    warnings.push(`${field}: non-standard CIDR value ${quote(value)} is invalid: use ${quote(text)}`);
  }
  if (warnings.length === 0 && cidr.address.family === 6 && text !== value) {
    warnings.push(`${field}: IPv6 CIDR value ${quote(value)} should be in RFC 5952 canonical format (${quote(text)})`);
  }
  return warnings;
}

function hasHostBits({ address, network }: IpNetwork): boolean {
  return address.bytes.some((byte, i) => byte !== network.bytes[i]);
}
