/** Syntax of cron schedules, with the messages of upstream's parser (robfig/cron v3, ParseStandard). */

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MONTHS = ['', 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];
const DESCRIPTORS = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const DURATION = /^[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** What is wrong with the schedule; undefined when nothing is. */
export function scheduleProblem(schedule: string): string | undefined {
  if (schedule === '') return 'empty spec string';
  let spec = schedule;
  const zoned = /^(?:CRON_TZ|TZ)=(\S*)(?:\s+(.*))?$/.exec(schedule);
  if (zoned !== null) {
    const zone = zoned[1] ?? '';
    if (!isTimeZone(zone)) return `provided bad location ${zone}: unknown time zone ${zone}`;
    spec = (zoned[2] ?? '').trim();
  }
  if (spec.startsWith('@')) return descriptorProblem(spec);
  const fields = spec.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== FIELDS.length) {
    return `expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(' ')}]`;
  }
  for (const [i, field] of fields.entries()) {
    for (const part of field.split(',').filter((text) => text !== '')) {
      const problem = rangeProblem(part, FIELDS[i] ?? { min: 0, max: 0 });
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function descriptorProblem(spec: string): string | undefined {
  if (DESCRIPTORS.has(spec)) return undefined;
  if (!spec.startsWith('@every ')) return `unrecognized descriptor: ${spec}`;
  const text = spec.slice('@every '.length);
  return DURATION.test(text)
    ? undefined
    : `failed to parse duration ${spec}: time: invalid duration ${JSON.stringify(text)}`;
}

function rangeProblem(text: string, bounds: Bounds): string | undefined {
  const [range = '', stepText, ...moreSlashes] = text.split('/');
  const ends = rangeEnds(range, text, bounds);
  if (typeof ends === 'string') return ends;
  if (stepText !== undefined && moreSlashes.length > 0) return `too many slashes: ${text}`;
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  if (typeof step === 'string') return step;
  const start = ends[0];
  const end = stepText !== undefined && !range.includes('-') ? bounds.max : ends[1];
  if (start < bounds.min) return `beginning of range (${start}) below minimum (${bounds.min}): ${text}`;
  if (end > bounds.max) return `end of range (${end}) above maximum (${bounds.max}): ${text}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${text}`;
  return step === 0 ? `step of range should be a positive number: ${text}` : undefined;
}

/** First and last, or what is wrong with them. */
function rangeEnds(range: string, text: string, { min, max, names }: Bounds): readonly [number, number] | string {
  const [low = '', high, ...moreHyphens] = range.split('-');
  if (low === '*' || low === '?') return [min, max];
  const first = parseNumber(low, names);
  if (typeof first === 'string') return first;
  if (moreHyphens.length > 0) return `too many hyphens: ${text}`;
  const last = high === undefined ? first : parseNumber(high, names);
  return typeof last === 'string' ? last : [first, last];
}

/** The number, or what is wrong with it. */
function parseNumber(text: string, names?: readonly string[]): number | string {
  const named = text === '' ? -1 : (names?.indexOf(text.toLowerCase()) ?? -1);
  if (named >= 0) return named;
  if (!/^[+-]?\d+$/.test(text)) {
    return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  }
  const value = Number(text);
  return value < 0 ? `negative number (${value}) not allowed: ${text}` : value;
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
