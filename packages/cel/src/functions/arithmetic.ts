/** Operators and conversions of the language. Source: the CEL language definition, list of standard definitions. */
import {
  A,
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  B,
  STRING,
  TIMESTAMP,
  UINT,
} from '../check/types.ts';
import { compare, equals, joinByIdentity } from '../values/compare.ts';
import {
  ArrayList,
  CelDuration,
  CelError,
  type CelList,
  type CelMap,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  durationOf,
  parseDuration,
  parseTimestamp,
  timestampOf,
  typeNameOf,
} from '../values/values.ts';
import {
  charCount,
  checkedInt,
  checkedUint,
  globalFunction,
  lengthOf,
  memberFunction,
  type Overload,
  textCost,
} from './overload.ts';
import { formatDuration, formatTimestamp } from './time.ts';

const encoder = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

type Ints = readonly [bigint, bigint];
type Doubles = readonly [number, number];
type Uints = readonly [CelUint, CelUint];

function binary(name: string, type: CelType, call: Overload['call'], result = type): Overload {
  return globalFunction(name, [type, type], result, call);
}

function joinLists(a: CelList, b: CelList): CelList {
  if (a.identity !== undefined) return joinByIdentity(a, b, a.identity);
  return new ArrayList([...a.toArray(), ...b.toArray()]);
}

function divide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new CelError('division by zero');
  return a / b;
}

function modulo(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new CelError('modulus by zero');
  return a % b;
}

const numbers: readonly Overload[] = [
  binary('_+_', INT, (v) => checkedInt((v as Ints)[0] + (v as Ints)[1])),
  binary('_-_', INT, (v) => checkedInt((v as Ints)[0] - (v as Ints)[1])),
  binary('_*_', INT, (v) => checkedInt((v as Ints)[0] * (v as Ints)[1])),
  binary('_/_', INT, (v) => checkedInt(divide((v as Ints)[0], (v as Ints)[1]))),
  binary('_%_', INT, (v) => modulo((v as Ints)[0], (v as Ints)[1])),
  binary('_+_', UINT, (v) => checkedUint((v as Uints)[0].value + (v as Uints)[1].value)),
  binary('_-_', UINT, (v) => checkedUint((v as Uints)[0].value - (v as Uints)[1].value)),
  binary('_*_', UINT, (v) => checkedUint((v as Uints)[0].value * (v as Uints)[1].value)),
  binary('_/_', UINT, (v) => checkedUint(divide((v as Uints)[0].value, (v as Uints)[1].value))),
  binary('_%_', UINT, (v) => checkedUint(modulo((v as Uints)[0].value, (v as Uints)[1].value))),
  binary('_+_', DOUBLE, (v) => (v as Doubles)[0] + (v as Doubles)[1]),
  binary('_-_', DOUBLE, (v) => (v as Doubles)[0] - (v as Doubles)[1]),
  binary('_*_', DOUBLE, (v) => (v as Doubles)[0] * (v as Doubles)[1]),
  binary('_/_', DOUBLE, (v) => (v as Doubles)[0] / (v as Doubles)[1]),
  globalFunction('-_', [INT], INT, ([v]) => checkedInt(-(v as bigint))),
  globalFunction('-_', [DOUBLE], DOUBLE, ([v]) => -(v as number)),
];

const joins: readonly Overload[] = [
  globalFunction(
    '_+_',
    [STRING, STRING],
    STRING,
    ([a, b]) => (a as string) + (b as string),
    (v) => textCost(...v.map(lengthOf)),
  ),
  globalFunction(
    '_+_',
    [BYTES, BYTES],
    BYTES,
    ([a, b]) => concat(a as Uint8Array, b as Uint8Array),
    (v) => textCost(...v.map(lengthOf)),
  ),
  globalFunction('_+_', [listOf(A), listOf(A)], listOf(A), ([a, b]) => joinLists(a as CelList, b as CelList)),
];

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a, 0);
  joined.set(b, a.length);
  return joined;
}

const nanosOf = (value: CelValue | undefined) => (value as CelTimestamp | CelDuration).nanos;
const times: readonly Overload[] = [
  globalFunction('_+_', [TIMESTAMP, DURATION], TIMESTAMP, ([a, b]) => timestampOf(nanosOf(a) + nanosOf(b))),
  globalFunction('_+_', [DURATION, TIMESTAMP], TIMESTAMP, ([a, b]) => timestampOf(nanosOf(a) + nanosOf(b))),
  globalFunction('_+_', [DURATION, DURATION], DURATION, ([a, b]) => durationOf(nanosOf(a) + nanosOf(b))),
  globalFunction('_-_', [TIMESTAMP, DURATION], TIMESTAMP, ([a, b]) => timestampOf(nanosOf(a) - nanosOf(b))),
  globalFunction('_-_', [TIMESTAMP, TIMESTAMP], DURATION, ([a, b]) => durationOf(nanosOf(a) - nanosOf(b))),
  globalFunction('_-_', [DURATION, DURATION], DURATION, ([a, b]) => durationOf(nanosOf(a) - nanosOf(b))),
];

const ORDERS: readonly (readonly [name: string, holds: (order: number) => boolean])[] = [
  ['_<_', (order) => order < 0],
  ['_<=_', (order) => order <= 0],
  ['_>_', (order) => order > 0],
  ['_>=_', (order) => order >= 0],
];
const ORDERED: readonly (readonly [CelType, CelType])[] = [
  ...[BOOL, STRING, BYTES, TIMESTAMP, DURATION].map((type) => [type, type] as const),
  ...[INT, UINT, DOUBLE].flatMap((a) => [INT, UINT, DOUBLE].map((b) => [a, b] as const)),
];

const comparisonCost = ([a, b]: readonly CelValue[]) => {
  const length = Math.min(lengthOf(a), lengthOf(b));
  return typeof a === 'string' || a instanceof Uint8Array ? Math.max(0, textCost(length) - 1) : 0;
};

const comparisons: readonly Overload[] = [
  globalFunction('_==_', [A, A], BOOL, ([a, b]) => equals(a as CelValue, b as CelValue), comparisonCost),
  globalFunction('_!=_', [A, A], BOOL, ([a, b]) => !equals(a as CelValue, b as CelValue), comparisonCost),
  ...ORDERS.flatMap(([name, holds]) =>
    ORDERED.map(([left, right]) =>
      globalFunction(
        name,
        [left, right],
        BOOL,
        ([a, b]) => holds(compare(a as CelValue, b as CelValue)),
        comparisonCost,
      ),
    ),
  ),
  globalFunction('!_', [BOOL], BOOL, ([value]) => !value),
  globalFunction(
    '@in',
    [A, listOf(A)],
    BOOL,
    ([item, list]) => isIn(item as CelValue, list as CelList),
    ([, list]) => lengthOf(list),
  ),
  globalFunction('@in', [A, mapOf(A, B)], BOOL, ([key, map]) => (map as CelMap).get(key as CelValue) !== undefined),
];

export function isIn(item: CelValue, list: CelList): boolean {
  for (let i = 0; i < list.size; i++) if (equals(list.at(i), item)) return true;
  return false;
}

const sizeOf = ([value]: readonly CelValue[]): bigint =>
  BigInt(typeof value === 'string' ? charCount(value) : lengthOf(value));
const SIZED: readonly CelType[] = [STRING, BYTES, listOf(A), mapOf(A, B)];
const sizeCost = ([value]: readonly CelValue[]) => (typeof value === 'string' ? textCost(value.length) : 0);

const sizes: readonly Overload[] = SIZED.flatMap((type) => [
  globalFunction('size', [type], INT, sizeOf, sizeCost),
  memberFunction('size', [type], INT, sizeOf, sizeCost),
]);

function toInt(value: CelValue | undefined): bigint {
  if (typeof value === 'bigint') return value;
  if (value instanceof CelUint) return checkedInt(value.value);
  if (value instanceof CelTimestamp) return value.nanos / 1_000_000_000n;
  if (value instanceof CelDuration) return value.nanos;
  if (typeof value === 'number') {
    if (!(value > -(2 ** 63) && value < 2 ** 63)) throw new CelError('integer overflow');
    return BigInt(Math.trunc(value));
  }
  const text = value as string;
  if (!/^[+-]?\d+$/.test(text)) throw new CelError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return checkedInt(BigInt(text.replace(/^\+/, '')));
}

function toUint(value: CelValue | undefined): CelUint {
  if (value instanceof CelUint) return value;
  if (typeof value === 'bigint') return checkedUint(value);
  if (typeof value === 'number') {
    if (!(value >= 0 && value < 2 ** 64)) throw new CelError('unsigned integer overflow');
    return checkedUint(BigInt(Math.trunc(value)));
  }
  const text = value as string;
  if (!/^\d+$/.test(text)) throw new CelError(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  return checkedUint(BigInt(text));
}

function toDouble(value: CelValue | undefined): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof CelUint) return Number(value.value);
  const text = (value as string).trim();
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(text);
  if (special !== null) return /nan/i.test(text) ? Number.NaN : special[1] === '-' ? -Infinity : Infinity;
  const number = Number(text);
  if (text === '' || Number.isNaN(number))
    throw new CelError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
  return number;
}

function toText(value: CelValue | undefined): string {
  if (typeof value === 'string') return value;
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelTimestamp) return formatTimestamp(value);
  if (value instanceof CelDuration) return formatDuration(value);
  if (!(value instanceof Uint8Array)) return String(value);
  try {
    return strictUtf8.decode(value);
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

const BOOL_WORDS = new Map([
  ...['true', 'True', 'TRUE', 't', '1'].map((w) => [w, true] as const),
  ...['false', 'False', 'FALSE', 'f', '0'].map((w) => [w, false] as const),
]);

function toBool(value: CelValue | undefined): boolean {
  if (typeof value === 'boolean') return value;
  const known = BOOL_WORDS.get(value as string);
  if (known === undefined) throw new CelError(`strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
  return known;
}

const conversion = (
  name: string,
  from: readonly CelType[],
  to: CelType,
  convert: (value: CelValue | undefined) => CelValue,
) =>
  from.map((type) =>
    globalFunction(
      name,
      [type],
      to,
      ([value]) => convert(value),
      ([value]) => (typeof value === 'string' ? textCost(value.length) : 0),
    ),
  );

const conversions: readonly Overload[] = [
  ...conversion('int', [INT, UINT, DOUBLE, STRING, TIMESTAMP, DURATION], INT, toInt),
  ...conversion('uint', [UINT, INT, DOUBLE, STRING], UINT, toUint),
  ...conversion('double', [DOUBLE, INT, UINT, STRING], DOUBLE, toDouble),
  ...conversion('string', [STRING, BOOL, INT, UINT, DOUBLE, BYTES, TIMESTAMP, DURATION], STRING, toText),
  ...conversion('bool', [BOOL, STRING], BOOL, toBool),
  ...conversion('bytes', [BYTES, STRING], BYTES, (value) =>
    typeof value === 'string' ? encoder.encode(value) : (value as Uint8Array),
  ),
  ...conversion('timestamp', [TIMESTAMP, STRING, INT], TIMESTAMP, toTimestamp),
  ...conversion('duration', [DURATION, STRING], DURATION, (value) =>
    typeof value === 'string' ? parseDuration(value) : (value as CelDuration),
  ),
  globalFunction('dyn', [A], DYN, ([value]) => value as CelValue),
  globalFunction('type', [A], { kind: 'type', of: A }, ([value]) => new CelTypeValue(typeNameOf(value as CelValue))),
];

function toTimestamp(value: CelValue | undefined): CelTimestamp {
  if (typeof value === 'string') return parseTimestamp(value);
  return typeof value === 'bigint' ? timestampOf(value * 1_000_000_000n) : (value as CelTimestamp);
}

export const arithmetic: readonly Overload[] = [
  ...numbers,
  ...joins,
  ...times,
  ...comparisons,
  ...sizes,
  ...conversions,
];
