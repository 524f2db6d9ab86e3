/** `"%s is %d".format([...])`. Source: cel-go ext/formatting.go. */
import {
  CelDuration,
  CelError,
  CelList,
  CelMap,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  typeNameOf,
} from '../values/values.ts';
import { formatTimestamp } from './time.ts';

const CLAUSE = /%(?:(%)|(?:\.(\d+))?([a-zA-Z]))/g;
const PRECISION_DEFAULT = 6;

export function formatText(pattern: string, args: readonly CelValue[]): string {
  let next = 0;
  const text = pattern.replace(CLAUSE, (_all, percent?: string, precision?: string, verb?: string) => {
    if (percent !== undefined) return '%';
    if (next >= args.length) throw new CelError(`index ${next} out of range`);
    const value = args[next++] as CelValue;
    return clause(verb ?? '', value, precision === undefined ? PRECISION_DEFAULT : Number(precision));
  });
  if (next < args.length)
    throw new CelError(`too many arguments supplied to string.format (expected ${next}, got ${args.length})`);
  return text;
}

function clause(verb: string, value: CelValue, precision: number): string {
  switch (verb) {
    case 's':
      return show(value);
    case 'd':
      return integer(value, 10, verb);
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : integer(value, 2, verb);
    case 'o':
      return integer(value, 8, verb);
    case 'x':
      return hexadecimal(value);
    case 'X':
      return hexadecimal(value).toUpperCase();
    case 'f':
      return fixed(double(value, verb), precision);
    case 'e':
      return double(value, verb)
        .toExponential(precision)
        .replace(/e([+-])(\d)$/, 'e$10$2');
    default:
      throw new CelError(`unrecognized formatting clause "${verb}"`);
  }
}

/** Halves go to the even neighbour, as Go prints. */
function fixed(value: number, precision: number): string {
  const scaled = Math.abs(value) * 10 ** precision;
  if (scaled % 1 !== 0.5) return value.toFixed(precision);
  const even = 2 * Math.round(scaled / 2);
  return ((Math.sign(value) * even) / 10 ** precision).toFixed(precision);
}

function integer(value: CelValue, radix: number, verb: string): string {
  if (typeof value === 'bigint') return value.toString(radix);
  if (value instanceof CelUint) return value.value.toString(radix);
  if (verb === 'd' && typeof value === 'number') return show(value);
  throw new CelError(
    `error during formatting: only integers can be formatted with %${verb}, was given ${typeNameOf(value)}`,
  );
}

function hexadecimal(value: CelValue): string {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  if (bytes instanceof Uint8Array) return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return integer(value, 16, 'x');
}

function double(value: CelValue, verb: string): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof CelUint) return Number(value.value);
  throw new CelError(
    `error during formatting: only doubles can be formatted with %${verb}, was given ${typeNameOf(value)}`,
  );
}

const SHOWABLE = 'strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps';

function show(value: CelValue): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return showDouble(value);
  return typeof value === 'object' ? showObject(value) : String(value);
}

function showDouble(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

function showObject(value: object): string {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelTimestamp) return formatTimestamp(value);
  if (value instanceof CelDuration) return `${Number(value.nanos) / 1e9}s`;
  if (value instanceof CelTypeValue) return value.type;
  if (value instanceof CelList) return `[${value.toArray().map(show).join(', ')}]`;
  if (value instanceof CelMap) {
    const rows = value.keys().map((key) => `${show(key)}: ${show(value.get(key) as CelValue)}`);
    return `{${rows.sort().join(', ')}}`;
  }
  const given = typeNameOf(value as CelValue);
  throw new CelError(`error during formatting: string clause can only be used on ${SHOWABLE}, was given ${given}`);
}
