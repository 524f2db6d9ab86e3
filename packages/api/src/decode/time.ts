/** Times and durations as Go reads and writes them. Source: Go's time package, apimachinery metav1.Time, Duration. */

/** Thrown for text that is not a time or duration; the message is Go's. */
export class TimeError extends Error {
  override readonly name = 'TimeError';
}

const CANONICAL = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/;
const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)([.,]\d+)?(Z|[+-]\d\d:\d\d)$/;
const LAYOUT = '2006-01-02T15:04:05Z07:00';
const MICRO_LAYOUT = '2006-01-02T15:04:05.000000Z07:00';
/** Parts of the layouts, in order, with what each accepts: the first that fails is the one Go names. */
const PARTS: readonly (readonly [layout: string, pattern: RegExp])[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/],
  ['05', /^\d\d/],
];

/** RFC 3339 in any zone to `2024-01-02T03:04:05Z`; fractions of a second are cut off. */
export function normalizeTime(text: string): string {
  if (CANONICAL.test(text) && isRealDate(text)) return text;
  if (!RFC3339.test(text)) throw parseError(text, LAYOUT, /^(Z|[+-]\d\d:\d\d)/, 'Z07:00');
  return `${toUtc(text, LAYOUT).slice(0, 19)}Z`;
}

/** RFC 3339 with six digits of a second in any zone to the same in UTC. */
export function normalizeMicroTime(text: string): string {
  const match = RFC3339.exec(text);
  const fraction = match?.[7];
  if (fraction?.length !== 7) throw parseError(text, MICRO_LAYOUT, /^\.\d{6}(Z|[+-]\d\d:\d\d)/, '.000000');
  return `${toUtc(text, MICRO_LAYOUT).slice(0, 19)}.${fraction.slice(1)}Z`;
}

function isRealDate(text: string): boolean {
  const day = Number(text.slice(8, 10));
  const month = Number(text.slice(5, 7));
  if (month < 1 || month > 12 || day < 1 || day > daysIn(Number(text.slice(0, 4)), month)) return false;
  return Number(text.slice(11, 13)) < 24 && Number(text.slice(14, 16)) < 60 && Number(text.slice(17, 19)) < 60;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** The instant in UTC, as toISOString writes it. The text already has the right form. */
function toUtc(text: string, layout: string): string {
  if (!isRealDate(text)) throw new TimeError(`parsing time ${quote(text)}: ${outOfRange(text)} out of range`);
  const zone = text.endsWith('Z') ? 'Z' : text.slice(-6);
  const ms = Date.parse(`${text.slice(0, 19)}${zone}`);
  const utc = Number.isNaN(ms) ? '' : new Date(ms).toISOString();
  if (utc.length !== 24) {
    throw new TimeError(`parsing time ${quote(text)} as ${quote(layout)}: cannot parse ${quote(zone)} as "Z07:00"`);
  }
  return utc;
}

function outOfRange(text: string): string {
  const month = Number(text.slice(5, 7));
  if (month < 1 || month > 12) return 'month';
  if (Number(text.slice(11, 13)) > 23) return 'hour';
  if (Number(text.slice(14, 16)) > 59) return 'minute';
  return Number(text.slice(17, 19)) > 59 ? 'second' : 'day';
}

function parseError(text: string, layout: string, tail: RegExp, tailLayout: string): TimeError {
  let rest = text;
  const head = `parsing time ${quote(text)} as ${quote(layout)}: cannot parse`;
  for (const [part, pattern] of PARTS) {
    const match = pattern.exec(rest);
    if (match === null) return new TimeError(`${head} ${quote(rest)} as ${quote(part)}`);
    rest = rest.slice(match[0].length);
  }
  if (tailLayout === 'Z07:00') rest = rest.replace(/^[.,]\d+/, '');
  const match = tail.exec(rest);
  if (match === null) return new TimeError(`${head} ${quote(rest)} as ${quote(tailLayout)}`);
  return new TimeError(`parsing time ${quote(text)}: extra text: ${quote(rest.slice(match[0].length))}`);
}

function quote(text: string): string {
  return JSON.stringify(text);
}

const UNIT_NANOS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);
const DURATION = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const DURATION_PART = /(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g;
const NANOS_MAX = 9_223_372_036_854_775_807n;

/** Nanoseconds of `1h30m`, `-1.5s`, `0`. */
export function parseDuration(text: string): bigint {
  if (/^[+-]?0$/.test(text)) return 0n;
  if (!DURATION.test(text)) throw new TimeError(`time: ${durationFault(text)} ${quote(text)}`);
  let nanos = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(DURATION_PART)) {
    const scale = UNIT_NANOS.get(unit) as bigint;
    nanos += BigInt(whole === '' ? 0 : whole) * scale;
    if (fraction !== '') nanos += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  if (nanos > NANOS_MAX) throw new TimeError(`time: invalid duration ${quote(text)}`);
  return text.startsWith('-') ? -nanos : nanos;
}

/** The same in milliseconds; undefined: no duration. */
export function parseDurationMs(text: string): number | undefined {
  try {
    return Number(parseDuration(text)) / 1e6;
  } catch (error) {
    if (error instanceof TimeError) return undefined;
    throw error;
  }
}

function durationFault(text: string): string {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text)) return 'missing unit in duration';
  const unit = /^[+-]?(?:[\d.]+(?:ns|us|µs|μs|ms|s|m|h))*[\d.]+([^\d.]+)/.exec(text)?.[1];
  return unit !== undefined && !UNIT_NANOS.has(unit) ? `unknown unit ${quote(unit)} in duration` : 'invalid duration';
}

/** Milliseconds to Go's notation. */
export const formatDurationMs = (ms: number): string => formatDuration(BigInt(Math.round(ms * 1e6)));

/** Nanoseconds to Go's notation: `1h30m0s`, `1.5s`, `100ms`. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  const sign = nanos < 0n ? '-' : '';
  const all = nanos < 0n ? -nanos : nanos;
  if (all < 1_000n) return `${sign}${all}ns`;
  if (all < 1_000_000n) return `${sign}${decimal(all, 3)}µs`;
  if (all < 1_000_000_000n) return `${sign}${decimal(all, 6)}ms`;
  const minutes = all / 60_000_000_000n;
  const seconds = `${decimal(all % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  const hours = minutes / 60n;
  return hours === 0n ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, places: number): string {
  const scale = 10n ** BigInt(places);
  const fraction = (value % scale).toString().padStart(places, '0').replace(/0+$/, '');
  return fraction === '' ? `${value / scale}` : `${value / scale}.${fraction}`;
}
