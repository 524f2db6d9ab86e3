/** Cron schedules of five fields, macros and @every, in any time zone. Source: the schedule syntax of robfig/cron v3. */
import { parseDurationMs } from '@kapella/api';

export interface CronSchedule {
  /** The first time after `afterMs`, milliseconds since the epoch; undefined when none comes within five years. */
  next(afterMs: number): number | undefined;
}

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];
const MACROS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SEARCH_DAYS_MAX = 5 * 366;

/** Throws an Error that says what is wrong. `timeZone`: an IANA name, default UTC. */
export function parseCron(text: string, timeZone = 'UTC'): CronSchedule {
  const trimmed = text.trim();
  const every = /^@every (.+)$/.exec(trimmed)?.[1];
  if (every !== undefined) return everySchedule(parsePeriod(every));
  const parts = (Object.hasOwn(MACROS, trimmed) ? (MACROS[trimmed] as string) : trimmed).split(/\s+/);
  if (parts.length !== 5) throw new Error(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`);
  const sets = parts.map((part, i) => parseField(part, FIELDS[i] as Field));
  const isAny = (i: number) => parts[i] === '*' || parts[i] === '?' || parts[i]?.startsWith('*/') === true;
  return fieldSchedule(sets, isAny(2) || isAny(4), zoneClock(timeZone));
}

function everySchedule(periodMs: number): CronSchedule {
  return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + periodMs };
}

/** Whole seconds, at least one. */
function parsePeriod(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new Error(`failed to parse duration @every ${text}`);
  return Math.max(1000, Math.floor(ms / 1000) * 1000);
}

function parseField(text: string, field: Field): ReadonlySet<number> {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [range = '', stepText] = part.split('/');
    const step = stepText === undefined ? 1 : Number(stepText);
    if (!Number.isInteger(step) || step < 1) throw new Error(`step of range should be a positive number: ${part}`);
    const [from, to] = parseRange(range, field, stepText !== undefined);
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

function parseRange(range: string, field: Field, hasStep: boolean): [number, number] {
  if (range === '*' || range === '?') return [field.min, field.max];
  const [lowText = '', highText] = range.split('-');
  const low = parseValue(lowText, field);
  const high = highText === undefined ? (hasStep ? field.max : low) : parseValue(highText, field);
  if (low < field.min) throw new Error(`beginning of range (${low}) below minimum (${field.min}): ${range}`);
  if (high > field.max) throw new Error(`end of range (${high}) above maximum (${field.max}): ${range}`);
  if (low > high) throw new Error(`beginning of range (${low}) beyond end of range (${high}): ${range}`);
  return [low, high];
}

function parseValue(text: string, field: Field): number {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + field.min;
  if (!/^\d+$/.test(text)) throw new Error(`failed to parse int from ${text}`);
  return Number(text);
}

/** Wall-clock time of a zone. */
interface ZoneClock {
  /** Minutes east of UTC at this moment. */
  offsetMinutes(ms: number): number;
}

function zoneClock(timeZone: string): ZoneClock {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') return { offsetMinutes: () => 0 };
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  return {
    offsetMinutes(ms) {
      const part: Record<string, number> = {};
      for (const { type, value } of format.formatToParts(ms)) part[type] = Number(value);
      const local = Date.UTC(part['year'] ?? 0, (part['month'] ?? 1) - 1, part['day'], part['hour'], part['minute']);
      return Math.round((local - Math.floor(ms / MINUTE_MS) * MINUTE_MS) / MINUTE_MS);
    },
  };
}

/** `anyDay`: both day fields must match; else (both are restricted) one is enough, as cron has it. */
function fieldSchedule(sets: readonly ReadonlySet<number>[], anyDay: boolean, zone: ZoneClock): CronSchedule {
  const [minutes, hours, days, months, weekdays] = sets as [
    ReadonlySet<number>,
    ReadonlySet<number>,
    ReadonlySet<number>,
    ReadonlySet<number>,
    ReadonlySet<number>,
  ];
  const dayMatches = (date: Date) => {
    if (!months.has(date.getUTCMonth() + 1)) return false;
    const [byDay, byWeekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())];
    return anyDay ? byDay && byWeekday : byDay || byWeekday;
  };
  return {
    next(afterMs) {
      const localStart = afterMs + zone.offsetMinutes(afterMs) * MINUTE_MS;
      const firstDay = Math.floor(localStart / DAY_MS);
      for (let day = firstDay; day < firstDay + SEARCH_DAYS_MAX; day++) {
        if (!dayMatches(new Date(day * DAY_MS))) continue;
        const ms = firstOfDay(day * DAY_MS, hours, minutes, zone, afterMs);
        if (ms !== undefined) return ms;
      }
      return undefined;
    },
  };
}

/** The first moment of a local day after `afterMs`. */
function firstOfDay(
  dayMs: number,
  hours: ReadonlySet<number>,
  minutes: ReadonlySet<number>,
  zone: ZoneClock,
  afterMs: number,
): number | undefined {
  for (const hour of [...hours].sort((a, b) => a - b)) {
    for (const minute of [...minutes].sort((a, b) => a - b)) {
      const ms = toInstant(dayMs + (hour * 60 + minute) * MINUTE_MS, zone);
      if (ms !== undefined && ms > afterMs) return ms;
    }
  }
  return undefined;
}

/** The moment at which clocks of the zone show this; undefined for one that is skipped in spring. */
function toInstant(localMs: number, zone: ZoneClock): number | undefined {
  const guess = localMs - zone.offsetMinutes(localMs) * MINUTE_MS;
  const ms = localMs - zone.offsetMinutes(guess) * MINUTE_MS;
  return ms + zone.offsetMinutes(ms) * MINUTE_MS === localMs ? ms : undefined;
}
