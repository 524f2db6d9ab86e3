/** Equality and order of values. Source: the CEL language definition, equality and ordering. */
import type { ListIdentity } from '../check/types.ts';
import {
  ArrayList,
  CelDuration,
  CelError,
  CelList,
  CelMap,
  CelOpaque,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
} from './values.ts';

/** Numbers are equal across types; values of different kinds are not. */
export function equals(a: CelValue, b: CelValue): boolean {
  if (a === b) return true;
  const numbers = compareNumbers(a, b);
  if (numbers !== undefined) return numbers === 0;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof CelList && b instanceof CelList) return equalLists(a, b);
  if (a instanceof CelMap && b instanceof CelMap) return equalMaps(a, b);
  return equalObjects(a, b);
}

function equalObjects(a: object, b: object): boolean {
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return a.nanos === b.nanos;
  if (a instanceof CelDuration && b instanceof CelDuration) return a.nanos === b.nanos;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b) === 0;
  if (a instanceof CelOptional && b instanceof CelOptional) {
    if (a.value === undefined || b.value === undefined) return a.value === b.value;
    return equals(a.value, b.value);
  }
  if (a instanceof CelTypeValue && b instanceof CelTypeValue) return a.type === b.type;
  return a instanceof CelOpaque && b instanceof CelOpaque && a.type === b.type && a.identity === b.identity;
}

function equalLists(a: CelList, b: CelList): boolean {
  if (a.size !== b.size) return false;
  if (a.identity !== undefined) return equalByIdentity(a, b, a.identity);
  for (let i = 0; i < a.size; i++) if (!equals(a.at(i), b.at(i))) return false;
  return true;
}

function equalByIdentity(a: CelList, b: CelList, identity: ListIdentity): boolean {
  const known = new Map(a.toArray().map((item) => [identityOf(item, identity), item]));
  return b.toArray().every((item) => {
    const own = known.get(identityOf(item, identity));
    return own !== undefined && equals(own, item);
  });
}

/** `a` with what is new in `b`; what is there by key already takes its place. */
export function joinByIdentity(a: CelList, b: CelList, identity: ListIdentity): ArrayList {
  const joined = new Map(a.toArray().map((item) => [identityOf(item, identity), item]));
  for (const item of b.toArray()) {
    const key = identityOf(item, identity);
    if (identity !== 'value' || !joined.has(key)) joined.set(key, item);
  }
  return new ArrayList([...joined.values()], identity);
}

function identityOf(item: CelValue, identity: ListIdentity): string {
  if (identity === 'value') return canonical(item);
  return JSON.stringify(identity.map((key) => (item instanceof CelMap ? canonical(item.get(key) ?? null) : '')));
}

/** Equal values, equal texts. */
function canonical(value: CelValue): string {
  if (value instanceof CelList) return `[${value.toArray().map(canonical).join()}]`;
  if (value instanceof CelMap) {
    const entries = value.keys().map((key) => `${canonical(key)}:${canonical(value.get(key) ?? null)}`);
    return `{${entries.sort().join()}}`;
  }
  const number = numberIn(value);
  if (number !== undefined) return String(number);
  if (value instanceof CelTimestamp || value instanceof CelDuration) return `t${value.nanos}`;
  if (value instanceof CelOpaque) return `${value.type} ${value.identity}`;
  return JSON.stringify(value instanceof Uint8Array ? [...value] : value);
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  if (a.size !== b.size) return false;
  return a.keys().every((key) => {
    const other = b.get(key);
    return other !== undefined && equals(a.get(key) as CelValue, other);
  });
}

/** Negative, zero, positive; NaN has no order. Throws CelError for what cannot be ordered. */
export function compare(a: CelValue, b: CelValue): number {
  const numbers = compareNumbers(a, b);
  if (numbers !== undefined) return numbers;
  if (typeof a === 'string' && typeof b === 'string') return a === b ? 0 : codePointOrder(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return sign(a.nanos - b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration) return sign(a.nanos - b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  throw new CelError('no such overload');
}

const sign = (value: bigint) => (value < 0n ? -1 : value > 0n ? 1 : 0);

/** undefined: not two numbers. NaN where one is. An int and a double are compared as doubles, as cel-go has it. */
function compareNumbers(a: CelValue, b: CelValue): number | undefined {
  const x = numberIn(a);
  const y = numberIn(b);
  if (x === undefined || y === undefined) return undefined;
  return typeof x === typeof y ? order(x, y) : order(Number(x), Number(y));
}

function numberIn(value: CelValue): bigint | number | undefined {
  const plain = value instanceof CelUint ? value.value : value;
  return typeof plain === 'bigint' || typeof plain === 'number' ? plain : undefined;
}

const order = (x: number | bigint, y: number | bigint) => (x < y ? -1 : x > y ? 1 : x >= y ? 0 : Number.NaN);

/** UTF-16 units order surrogates before the last characters of the basic plane: compare by character. */
function codePointOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) === b.charCodeAt(i)) continue;
    return (a.codePointAt(i) as number) - (b.codePointAt(i) as number);
  }
  return a.length - b.length;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}
