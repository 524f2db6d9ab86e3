/** Parts of timestamps and durations. Source: the CEL language definition. Time zones as IANA names or offsets. */
import { DURATION, INT, STRING, TIMESTAMP } from '../check/types.ts';
import { type CelDuration, CelError, type CelTimestamp, type CelValue } from '../values/values.ts';
import { memberFunction, type Overload } from './overload.ts';

const NANOS_PER_MS = 1_000_000n;
const OFFSET = /^([+-]?)(\d{2}):(\d{2})$/;

/** The wall clock of a zone, as a Date read in UTC. */
function wallClock(time: CelTimestamp, zone: string): Date {
  const ms = Number(floorDivide(time.nanos, NANOS_PER_MS));
  const offset = OFFSET.exec(zone);
  if (offset !== null) {
    const minutes = Number(offset[2]) * 60 + Number(offset[3]);
    return new Date(ms + (offset[1] === '-' ? -minutes : minutes) * 60_000);
  }
  if (zone === 'UTC' || zone === '') return new Date(ms);
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      ...({
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      } as const),
    }).formatToParts(new Date(ms));
    const part = (type: string) => Number(parts.find((found) => found.type === type)?.value);
    const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
    return new Date(local + (((ms % 1000) + 1000) % 1000));
  } catch {
    throw new CelError(`unknown time zone ${zone}`);
  }
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000);
}

const PARTS: readonly (readonly [name: string, part: (date: Date) => number])[] = [
  ['getFullYear', (date) => date.getUTCFullYear()],
  ['getMonth', (date) => date.getUTCMonth()],
  ['getDate', (date) => date.getUTCDate()],
  ['getDayOfMonth', (date) => date.getUTCDate() - 1],
  ['getDayOfWeek', (date) => date.getUTCDay()],
  ['getDayOfYear', dayOfYear],
  ['getHours', (date) => date.getUTCHours()],
  ['getMinutes', (date) => date.getUTCMinutes()],
  ['getSeconds', (date) => date.getUTCSeconds()],
  ['getMilliseconds', (date) => date.getUTCMilliseconds()],
];
const SPANS: readonly (readonly [name: string, nanos: bigint])[] = [
  ['getHours', 3_600_000_000_000n],
  ['getMinutes', 60_000_000_000n],
  ['getSeconds', 1_000_000_000n],
];

const clock =
  (part: (date: Date) => number) =>
  ([time, zone]: readonly CelValue[]) =>
    BigInt(part(wallClock(time as CelTimestamp, (zone as string | undefined) ?? 'UTC')));

export const timeFunctions: readonly Overload[] = [
  ...PARTS.flatMap(([name, part]) => [
    memberFunction(name, [TIMESTAMP], INT, clock(part)),
    memberFunction(name, [TIMESTAMP, STRING], INT, clock(part)),
  ]),
  ...SPANS.map(([name, nanos]) =>
    memberFunction(name, [DURATION], INT, ([span]) => (span as CelDuration).nanos / nanos),
  ),
  memberFunction('getMilliseconds', [DURATION], INT, ([span]) => ((span as CelDuration).nanos / NANOS_PER_MS) % 1000n),
];

export function formatTimestamp({ nanos }: CelTimestamp): string {
  const ms = floorDivide(nanos, NANOS_PER_MS);
  const seconds = new Date(Number(ms)).toISOString().slice(0, 19);
  const rest = nanos - floorDivide(nanos, 1_000_000_000n) * 1_000_000_000n;
  const fraction = rest === 0n ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/, '')}`;
  return `${seconds}${fraction}Z`;
}

/** Seconds, as protobuf's JSON has durations. */
export function formatDuration({ nanos }: CelDuration): string {
  const absolute = nanos < 0n ? -nanos : nanos;
  const rest = absolute % 1_000_000_000n;
  const fraction = rest === 0n ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/, '')}`;
  return `${nanos < 0n ? '-' : ''}${absolute / 1_000_000_000n}${fraction}s`;
}
