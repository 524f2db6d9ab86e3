/** Kubernetes' own libraries: url, ip, cidr, quantity, semver, format, jsonpatch. Source: apiserver/pkg/cel/library. */
import { formatCidr, formatIp, type IpAddress, type IpNetwork, parseCidr, parseIp, Quantity } from '@kapella/api';
import { BOOL, type CelType, DOUBLE, INT, listOf, mapOf, opaque, optionalOf, STRING } from '../check/types.ts';
import { ArrayList, CelError, CelOpaque, CelOptional, type CelValue, NONE, ValueMap } from '../values/values.ts';
import { formatCheck, isFormatName } from './formats.ts';
import { globalFunction, memberFunction, type Overload, textCost } from './overload.ts';
import { compareSemver, parseSemver, type Semver } from './semver.ts';

const URL_TYPE = opaque('kubernetes.URL');
const IP_TYPE = opaque('net.IP');
const CIDR_TYPE = opaque('net.CIDR');
const QUANTITY = opaque('kubernetes.Quantity');
const SEMVER = opaque('kubernetes.Semver');
const FORMAT = opaque('kubernetes.NamedFormat');

const textLength = ([text]: readonly CelValue[]) =>
  typeof text === 'string' ? Math.max(0, textCost(text.length) - 1) : 0;
const held = <T>(value: CelValue | undefined) => (value as CelOpaque).value as T;

/** One reader serves `x(text)` and `isX(text)`. */
function reader<T>(
  name: string,
  test: string,
  type: CelType & { name: string },
  read: (text: string) => T | undefined,
  identity: (value: T) => string,
  error: (text: string) => string,
): readonly Overload[] {
  return [
    globalFunction(
      name,
      [STRING],
      type,
      ([text]) => {
        const value = read(text as string);
        if (value === undefined) throw new CelError(error(text as string));
        return new CelOpaque(type.name, value, identity(value));
      },
      textLength,
    ),
    globalFunction(test, [STRING], BOOL, ([text]) => read(text as string) !== undefined, textLength),
  ];
}

interface Url {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

const ABSOLUTE_URL = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/?#\s]*)([^?#\s]*)(?:\?([^#\s]*))?(?:#\S*)?$/;

function parseUrl(text: string): Url | undefined {
  if (text.startsWith('/')) {
    const [, path = '', query = ''] = /^([^?#\s]*)(?:\?([^#\s]*))?$/.exec(text) ?? [];
    return path === '' ? undefined : { scheme: '', host: '', path, query };
  }
  const match = ABSOLUTE_URL.exec(text);
  if (match === null) return undefined;
  const [, scheme = '', authority = '', path = '', query = ''] = match;
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const port = /:([^:\]]*)$/.exec(host)?.[1];
  if (port !== undefined && !/^\d*$/.test(port)) return undefined;
  if (host.includes('[') && parseIp(hostNameOf(host)) === undefined) return undefined;
  return { scheme: scheme.toLowerCase(), host, path, query };
}

const hostNameOf = (host: string) => host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');

function queryOf(query: string): ValueMap {
  const byName = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(query)) byName.set(name, [...(byName.get(name) ?? []), value]);
  return new ValueMap([...byName].map(([name, values]) => [name, new ArrayList(values)] as const));
}

const urlPart = (name: string, part: (url: Url) => string) =>
  memberFunction(name, [URL_TYPE], STRING, ([url]) => part(held<Url>(url)));

const urls: readonly Overload[] = [
  ...reader(
    'url',
    'isURL',
    URL_TYPE as never,
    parseUrl,
    (url) => JSON.stringify(url),
    (text) => `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
  ),
  urlPart('getScheme', ({ scheme }) => scheme),
  urlPart('getHost', ({ host }) => host),
  urlPart('getHostname', ({ host }) => hostNameOf(host)),
  urlPart('getPort', ({ host }) => /:(\d*)$/.exec(host)?.[1] ?? ''),
  urlPart('getEscapedPath', ({ path }) => path),
  memberFunction('getQuery', [URL_TYPE], mapOf(STRING, listOf(STRING)), ([url]) => queryOf(held<Url>(url).query)),
];

/** As netip.ParseAddr with Kubernetes' bans: no IPv4 in IPv6, no zones, no leading zeros. */
function readIp(text: string): IpAddress | undefined {
  const ip = parseIp(text);
  return ip === undefined || ip.mapped || ip.sloppy ? undefined : ip;
}

function readCidr(text: string): IpNetwork | undefined {
  const network = parseCidr(text);
  return network === undefined || network.sloppy || network.address.mapped ? undefined : network;
}

const ipBytes = ({ bytes, family }: IpAddress): Uint8Array => (family === 4 ? bytes.subarray(12) : bytes);
const ipTest = (name: string, test: (ip: IpAddress) => boolean) =>
  memberFunction(name, [IP_TYPE], BOOL, ([ip]) => test(held<IpAddress>(ip)));
const isV4 = ({ family }: IpAddress) => family === 4;
const firstBytes = (ip: IpAddress) => ipBytes(ip) as unknown as readonly [number, number, ...number[]];
const isUnspecified = (ip: IpAddress) => ipBytes(ip).every((byte) => byte === 0);
const isLoopback = (ip: IpAddress) => (isV4(ip) ? firstBytes(ip)[0] === 127 : formatIp(ip) === '::1');
const isMulticast = (ip: IpAddress) => (isV4(ip) ? (firstBytes(ip)[0] & 0xf0) === 0xe0 : firstBytes(ip)[0] === 0xff);
const isLinkLocalMulticast = (ip: IpAddress) => {
  const [a, b, c] = firstBytes(ip);
  return isV4(ip) ? a === 224 && b === 0 && c === 0 : a === 0xff && (b & 0x0f) === 2;
};
const isLinkLocalUnicast = (ip: IpAddress) => {
  const [a, b] = firstBytes(ip);
  return isV4(ip) ? a === 169 && b === 254 : a === 0xfe && (b & 0xc0) === 0x80;
};
const isGlobalUnicast = (ip: IpAddress) =>
  !isUnspecified(ip) &&
  !isLoopback(ip) &&
  !isMulticast(ip) &&
  !isLinkLocalUnicast(ip) &&
  formatIp(ip) !== '255.255.255.255';

const ipOpaque = (ip: IpAddress) => new CelOpaque('net.IP', ip, formatIp(ip));
const ipFrom = (text: CelValue | undefined): IpAddress => {
  const ip = readIp(text as string);
  if (ip === undefined)
    throw new CelError(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return ip;
};
const cidrFrom = (text: CelValue | undefined): IpNetwork => {
  const network = readCidr(text as string);
  if (network === undefined) throw new CelError('network address parse error during conversion from string');
  return network;
};

const ips: readonly Overload[] = [
  ...reader(
    'ip',
    'isIP',
    IP_TYPE as never,
    readIp,
    formatIp,
    (text) => `IP Address ${JSON.stringify(text)} parse error during conversion from string`,
  ),
  globalFunction('ip.isCanonical', [STRING], BOOL, ([text]) => formatIp(ipFrom(text)) === text, textLength),
  memberFunction('family', [IP_TYPE], INT, ([ip]) => BigInt(held<IpAddress>(ip).family)),
  ipTest('isUnspecified', isUnspecified),
  ipTest('isLoopback', isLoopback),
  ipTest('isLinkLocalMulticast', isLinkLocalMulticast),
  ipTest('isLinkLocalUnicast', isLinkLocalUnicast),
  ipTest('isGlobalUnicast', isGlobalUnicast),
  globalFunction('string', [IP_TYPE], STRING, ([ip]) => formatIp(held<IpAddress>(ip))),
];

const sameStart = (a: Uint8Array, b: Uint8Array, bits: number) => {
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff00 >> (bits - bit)) & 0xff;
    if (((a[bit >> 3] ?? 0) & mask) !== ((b[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
};
const containsIp = (network: IpNetwork, ip: IpAddress) =>
  network.network.family === ip.family && sameStart(ipBytes(network.network), ipBytes(ip), network.prefixLength);
const containsCidr = (outer: IpNetwork, inner: IpNetwork) =>
  outer.prefixLength <= inner.prefixLength && containsIp(outer, inner.network);
const cidrText = (network: IpNetwork) => `${formatIp(network.address)}/${network.prefixLength}`;

const cidrs: readonly Overload[] = [
  ...reader(
    'cidr',
    'isCIDR',
    CIDR_TYPE as never,
    readCidr,
    cidrText,
    () => 'network address parse error during conversion from string',
  ),
  memberFunction('containsIP', [CIDR_TYPE, STRING], BOOL, ([cidr, text]) => containsIp(held(cidr), ipFrom(text))),
  memberFunction('containsIP', [CIDR_TYPE, IP_TYPE], BOOL, ([cidr, ip]) => containsIp(held(cidr), held(ip))),
  memberFunction('containsCIDR', [CIDR_TYPE, STRING], BOOL, ([cidr, text]) => containsCidr(held(cidr), cidrFrom(text))),
  memberFunction('containsCIDR', [CIDR_TYPE, CIDR_TYPE], BOOL, ([a, b]) => containsCidr(held(a), held(b))),
  memberFunction('ip', [CIDR_TYPE], IP_TYPE, ([cidr]) => ipOpaque(held<IpNetwork>(cidr).address)),
  memberFunction('prefixLength', [CIDR_TYPE], INT, ([cidr]) => BigInt(held<IpNetwork>(cidr).prefixLength)),
  memberFunction('masked', [CIDR_TYPE], CIDR_TYPE, ([cidr]) => {
    const network = held<IpNetwork>(cidr);
    return new CelOpaque('net.CIDR', { ...network, address: network.network }, formatCidr(network));
  }),
  globalFunction('string', [CIDR_TYPE], STRING, ([cidr]) => cidrText(held<IpNetwork>(cidr))),
];

function readQuantity(text: string): Quantity | undefined {
  try {
    return Quantity.parse(text);
  } catch {
    return undefined;
  }
}

const quantityOf = (quantity: Quantity) => new CelOpaque('kubernetes.Quantity', quantity, quantity.toString());
const ofInt = (value: CelValue | undefined) => Quantity.of(value as bigint);
const isWhole = (quantity: Quantity) => quantity.roundUp(0).equals(quantity);

const quantities: readonly Overload[] = [
  ...reader(
    'quantity',
    'isQuantity',
    QUANTITY as never,
    readQuantity,
    (quantity) => quantity.toString(),
    () => "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  ),
  memberFunction('sign', [QUANTITY], INT, ([a]) => BigInt(held<Quantity>(a).sign)),
  memberFunction(
    'isGreaterThan',
    [QUANTITY, QUANTITY],
    BOOL,
    ([a, b]) => held<Quantity>(a).compare(held<Quantity>(b)) > 0,
  ),
  memberFunction(
    'isLessThan',
    [QUANTITY, QUANTITY],
    BOOL,
    ([a, b]) => held<Quantity>(a).compare(held<Quantity>(b)) < 0,
  ),
  memberFunction('compareTo', [QUANTITY, QUANTITY], INT, ([a, b]) =>
    BigInt(held<Quantity>(a).compare(held<Quantity>(b))),
  ),
  memberFunction('asApproximateFloat', [QUANTITY], DOUBLE, ([a]) => held<Quantity>(a).toNumber()),
  memberFunction('asInteger', [QUANTITY], INT, ([a]) => {
    if (!isWhole(held<Quantity>(a))) throw new CelError('cannot convert value to integer');
    return held<Quantity>(a).scaledValue(0);
  }),
  memberFunction('isInteger', [QUANTITY], BOOL, ([a]) => isWhole(held<Quantity>(a))),
  memberFunction('add', [QUANTITY, QUANTITY], QUANTITY, ([a, b]) =>
    quantityOf(held<Quantity>(a).add(held<Quantity>(b))),
  ),
  memberFunction('add', [QUANTITY, INT], QUANTITY, ([a, b]) => quantityOf(held<Quantity>(a).add(ofInt(b)))),
  memberFunction('sub', [QUANTITY, QUANTITY], QUANTITY, ([a, b]) =>
    quantityOf(held<Quantity>(a).sub(held<Quantity>(b))),
  ),
  memberFunction('sub', [QUANTITY, INT], QUANTITY, ([a, b]) => quantityOf(held<Quantity>(a).sub(ofInt(b)))),
];

const semverFrom = (text: CelValue | undefined, normalize: boolean): CelOpaque => {
  const version = parseSemver(text as string, normalize);
  if (version === undefined) throw new CelError('Invalid character(s) found in version number or missing parts');
  return new CelOpaque('kubernetes.Semver', version, JSON.stringify([version.numbers.map(String), version.prerelease]));
};
const semverNumber = (name: string, at: number) =>
  memberFunction(name, [SEMVER], INT, ([v]) => held<Semver>(v).numbers[at] ?? 0n);
const order = (a: CelValue | undefined, b: CelValue | undefined) => compareSemver(held<Semver>(a), held<Semver>(b));

const semvers: readonly Overload[] = [
  globalFunction('semver', [STRING], SEMVER, ([text]) => semverFrom(text, false), textLength),
  globalFunction(
    'semver',
    [STRING, BOOL],
    SEMVER,
    ([text, normalize]) => semverFrom(text, normalize === true),
    textLength,
  ),
  globalFunction('isSemver', [STRING], BOOL, ([text]) => parseSemver(text as string, false) !== undefined, textLength),
  globalFunction(
    'isSemver',
    [STRING, BOOL],
    BOOL,
    ([text, n]) => parseSemver(text as string, n === true) !== undefined,
    textLength,
  ),
  memberFunction('isGreaterThan', [SEMVER, SEMVER], BOOL, ([a, b]) => order(a, b) > 0),
  memberFunction('isLessThan', [SEMVER, SEMVER], BOOL, ([a, b]) => order(a, b) < 0),
  memberFunction('compareTo', [SEMVER, SEMVER], INT, ([a, b]) => BigInt(order(a, b))),
  semverNumber('major', 0),
  semverNumber('minor', 1),
  semverNumber('patch', 2),
];

const FORMAT_CONSTANTS = [
  ...[
    'dns1123Label',
    'dns1123Subdomain',
    'dns1035Label',
    'qualifiedName',
    'dns1123LabelPrefix',
    'dns1123SubdomainPrefix',
  ],
  ...['dns1035LabelPrefix', 'labelValue', 'uri', 'uuid', 'byte', 'date', 'datetime'],
];
const formatOf = (name: string) => new CelOpaque('kubernetes.NamedFormat', name, name);

const formats: readonly Overload[] = [
  ...FORMAT_CONSTANTS.map((name) => globalFunction(`format.${name}`, [], FORMAT, () => formatOf(name))),
  globalFunction('format.named', [STRING], optionalOf(FORMAT), ([name]) =>
    isFormatName(name as string) ? new CelOptional(formatOf(name as string)) : NONE,
  ),
  memberFunction(
    'validate',
    [FORMAT, STRING],
    optionalOf(listOf(STRING)),
    ([format, text]) => {
      const messages = formatCheck(held<string>(format), text as string);
      return messages.length === 0 ? NONE : new CelOptional(new ArrayList(messages));
    },
    ([, text]) => textCost((text as string).length),
  ),
];

const patches: readonly Overload[] = [
  globalFunction(
    'jsonpatch.escapeKey',
    [STRING],
    STRING,
    ([key]) => (key as string).replaceAll('~', '~0').replaceAll('/', '~1'),
    textLength,
  ),
];

export const kubernetesFunctions: readonly Overload[] = [
  ...urls,
  ...ips,
  ...cidrs,
  ...quantities,
  ...semvers,
  ...formats,
  ...patches,
];
