/** Formats of strings and numbers that validation knows; any other format says nothing. Source: kube-openapi pkg/validation/strfmt. */
import { RE2JS } from 're2js';
import { parseIp } from '../names/ip-address.ts';

type Check = (text: string) => boolean;

/** Linear-time: the text comes from clients. */
const matching = (pattern: string): Check => {
  const compiled = RE2JS.compile(pattern);
  return (text) => compiled.matches(text);
};

const HEX = '[0-9a-fA-F]';
const uuid = (version: string) => `${HEX}{8}-?${HEX}{4}-?${version}${HEX}{3}-?${HEX}{4}-?${HEX}{12}`;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|[+-](\d{2}):?(\d{2}))$/;
const DURATION = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$|^[+-]?0$/;
const UNITS = [
  ...['ns|nanos?|nanosecs?|nanoseconds?', 'us|micros?|microsecs?|microseconds?', 'ms|millis?|millisecs?|milliseconds?'],
  ...['s|secs?|seconds?', 'm|mins?|minutes?', 'h|hrs?|hours?', 'd|days?', 'w|wks?|weeks?'],
];
const WORDED_DURATION = matching(`(?i)\\s*\\d+\\s*(${UNITS.join('|')})\\s*`);
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';

/** By the name without dashes, as upstream looks it up. */
const FORMATS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['bsonobjectid', matching(`${HEX}{24}`)],
  ['uri', (text) => URI(text)],
  ['email', matching('[^\\s@<>()\\[\\],;:"]+@[^\\s@<>()\\[\\],;:"]+')],
  ['hostname', (text) => text.length <= 255 && HOSTNAME(text)],
  ['ipv4', (text) => isIp(text, 4)],
  ['ipv6', (text) => isIp(text, 6)],
  ['cidr', isCidr],
  ['mac', matching(`${HEX}{2}([:-]${HEX}{2}){5,7}|(${HEX}{4}\\.){2,3}${HEX}{4}`)],
  ['uuid', matching(uuid(HEX))],
  ['uuid3', matching(uuid('3'))],
  ['uuid4', matching(`${HEX}{8}-?${HEX}{4}-?4${HEX}{3}-?[89abAB]${HEX}{3}-?${HEX}{12}`)],
  ['uuid5', matching(`${HEX}{8}-?${HEX}{4}-?5${HEX}{3}-?[89abAB]${HEX}{3}-?${HEX}{12}`)],
  ['isbn', (text) => isIsbn(text, 10) || isIsbn(text, 13)],
  ['isbn10', (text) => isIsbn(text, 10)],
  ['isbn13', (text) => isIsbn(text, 13)],
  ['creditcard', (text) => /^\d{12,19}$/.test(text.replace(/[ -]/g, ''))],
  ['ssn', matching('\\d{3}[- ]?\\d{2}[- ]?\\d{4}')],
  ['hexcolor', matching(`#?(${HEX}{3}|${HEX}{6})`)],
  ['rgbcolor', matching('rgb\\(\\s*\\d{1,3}\\s*,\\s*\\d{1,3}\\s*,\\s*\\d{1,3}\\s*\\)')],
  ['byte', (text) => BASE64.test(text)],
  ['password', () => true],
  ['date', isDate],
  ['duration', (text) => DURATION.test(text) || WORDED_DURATION(text)],
  ['datetime', isDateTime],
  ['k8sshortname', (text) => text.length <= 63 && SHORT_NAME(text)],
  ['k8slongname', (text) => text.length <= 253 && LONG_NAME(text)],
]);

const HOST_LABEL = '[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?';
const HOSTNAME = matching(`(${HOST_LABEL}\\.)*${HOST_LABEL}\\.?`);
const URI = matching('[a-zA-Z][a-zA-Z0-9+.-]*:[^\\s]+|/[^\\s]*');
const SHORT_NAME = matching(DNS_LABEL);
const LONG_NAME = matching(`${DNS_LABEL}(\\.${DNS_LABEL})*`);

/** undefined: no format that strings are held to. */
export function stringFormat(name: string): Check | undefined {
  return FORMATS.get(name.replaceAll('-', ''));
}

function isDate(text: string): boolean {
  return DATE.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  const match = DATE_TIME.exec(text);
  if (match === null) return false;
  const [, date = '', hour, minute, second] = match;
  return isDate(date) && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
}

function isIp(text: string, version: 4 | 6): boolean {
  return text.includes(':') === (version === 6) && parseIp(text) !== undefined;
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return (isIp(address, 4) && Number(bits) <= 32) || (isIp(address, 6) && Number(bits) <= 128);
}

function isIsbn(text: string, length: number): boolean {
  const digits = text.replace(/[ -]/g, '');
  if (digits.length !== length || !/^\d+[\dXx]$/.test(digits)) return false;
  const values = [...digits].map((digit) => (/[Xx]/.test(digit) ? 10 : Number(digit)));
  if (length === 10) return values.reduce((sum, value, i) => sum + value * (10 - i), 0) % 11 === 0;
  return values.reduce((sum, value, i) => sum + value * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}
