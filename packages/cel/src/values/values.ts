/**
 * Values while an expression is evaluated. Ints are bigints, doubles numbers; lists and maps are views, so that objects
 * from outside are read where they are and never copied.
 */
import { parseDuration as parseGoDuration, TimeError } from '@kapella/api';
import { type CelType, DYN, type ListIdentity } from '../check/types.ts';

export type CelValue =
  | bigint
  | number
  | boolean
  | string
  | null
  | Uint8Array
  | CelUint
  | CelTimestamp
  | CelDuration
  | CelList
  | CelMap
  | CelOptional
  | CelTypeValue
  | CelOpaque;

/** An expression that could not be evaluated. Its message is cel-go's. */
export class CelError extends Error {
  override readonly name = 'CelError';
  /** What the evaluation had cost by then; set by whoever evaluates. */
  cost = 0;
}

export class CelUint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds since 1970. */
export class CelTimestamp {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** Nanoseconds. */
export class CelDuration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class CelTypeValue {
  readonly type: string;
  constructor(type: string) {
    this.type = type;
  }
}

export class CelOptional {
  /** undefined: empty. */
  readonly value: CelValue | undefined;
  constructor(value: CelValue | undefined) {
    this.value = value;
  }
}

export const NONE = new CelOptional(undefined);

/** Values of Kubernetes' own types: quantities, URLs, addresses. */
export class CelOpaque {
  readonly type: string;
  readonly value: unknown;
  /** Equal values, equal texts. */
  readonly identity: string;
  constructor(type: string, value: unknown, identity: string) {
    this.type = type;
    this.value = value;
    this.identity = identity;
  }
}

export abstract class CelList {
  abstract readonly size: number;
  /** Of lists whose schema says so: order is nothing then, and no item is there twice. */
  readonly identity: ListIdentity | undefined;

  constructor(identity?: ListIdentity) {
    this.identity = identity;
  }

  /** `i` is in range. */
  abstract at(i: number): CelValue;

  toArray(): CelValue[] {
    return Array.from({ length: this.size }, (_, i) => this.at(i));
  }
}

export class ArrayList extends CelList {
  readonly #items: readonly CelValue[];
  constructor(items: readonly CelValue[], identity?: ListIdentity) {
    super(identity);
    this.#items = items;
  }
  get size(): number {
    return this.#items.length;
  }
  at(i: number): CelValue {
    return this.#items[i] as CelValue;
  }
}

class JsonList extends CelList {
  readonly #items: readonly unknown[];
  readonly #element: CelType;
  constructor(items: readonly unknown[], type: CelType) {
    super(type.kind === 'list' ? type.identity : undefined);
    this.#items = items;
    this.#element = type.kind === 'list' ? type.element : DYN;
  }
  get size(): number {
    return this.#items.length;
  }
  at(i: number): CelValue {
    return fromJson(this.#items[i], this.#element);
  }
}

export abstract class CelMap {
  abstract readonly size: number;
  abstract get(key: CelValue): CelValue | undefined;
  abstract keys(): readonly CelValue[];
}

export class ValueMap extends CelMap {
  readonly #entries = new Map<string, readonly [CelValue, CelValue]>();
  constructor(entries: Iterable<readonly [CelValue, CelValue]>) {
    super();
    for (const entry of entries) {
      const key = keyOf(entry[0]);
      if (this.#entries.has(key)) throw new CelError(`Failed with repeated key`);
      this.#entries.set(key, entry);
    }
  }
  get size(): number {
    return this.#entries.size;
  }
  get(key: CelValue): CelValue | undefined {
    return this.#entries.get(keyOf(key))?.[1];
  }
  keys(): readonly CelValue[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
}

/** Numbers that are equal are one key, whatever their type. */
function keyOf(key: CelValue): string {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'bigint') return `n${key}`;
  if (key instanceof CelUint) return `n${key.value}`;
  if (typeof key === 'boolean') return `b${key}`;
  if (typeof key === 'number') return `n${Number.isInteger(key) ? BigInt(key) : key}`;
  throw new CelError('unsupported key type');
}

/** A JSON object: of declared fields, or a map of strings to one type. */
class JsonMap extends CelMap {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #type: Extract<CelType, { kind: 'object' }> | undefined;
  readonly #value: CelType;
  constructor(object: Readonly<Record<string, unknown>>, type: CelType) {
    super();
    this.#object = object;
    this.#type = type.kind === 'object' ? type : undefined;
    this.#value = type.kind === 'map' ? type.value : DYN;
  }
  get size(): number {
    return Object.keys(this.#object).length;
  }
  get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string') return undefined;
    const field = this.#type?.fields.get(key);
    const name = field?.key ?? key;
    if (!Object.hasOwn(this.#object, name)) return undefined;
    return fromJson(this.#object[name], field?.type ?? this.#value);
  }
  keys(): readonly CelValue[] {
    return Object.keys(this.#object);
  }
}

/** A JSON value as its declared type has it; without one (dyn), whole numbers are ints. Throws CelError. */
export function fromJson(value: unknown, type: CelType): CelValue {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case 'string':
      return fromText(value, type);
    case 'number':
      return type.kind !== 'double' && Number.isInteger(value) ? BigInt(value) : value;
    case 'boolean':
    case 'bigint':
      return value;
    default:
      if (Array.isArray(value)) return new JsonList(value, type);
      if (isCelValue(value)) return value;
      return new JsonMap(value as Readonly<Record<string, unknown>>, type);
  }
}

function fromText(text: string, { kind }: CelType): CelValue {
  switch (kind) {
    case 'bytes':
      return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    case 'timestamp':
      return parseTimestamp(text);
    case 'duration':
      return parseDuration(text);
    default:
      return text;
  }
}

function isCelValue(
  value: object,
): value is CelList | CelMap | CelOptional | CelOpaque | CelUint | CelTimestamp | CelDuration {
  return (
    value instanceof CelList ||
    value instanceof CelMap ||
    value instanceof CelOptional ||
    value instanceof CelOpaque ||
    value instanceof CelUint ||
    value instanceof CelTimestamp ||
    value instanceof CelDuration ||
    value instanceof CelTypeValue ||
    value instanceof Uint8Array
  );
}

const DURATION_NANOS_MAX = 2n ** 63n - 1n;
const TIME_NANOS_MIN = -62_135_596_800_000_000_000n; // the year 1
const TIME_NANOS_MAX = 253_402_300_799_999_999_999n; // the last of 9999

export function durationOf(nanos: bigint): CelDuration {
  if (nanos > DURATION_NANOS_MAX || nanos < -DURATION_NANOS_MAX) throw new CelError('integer overflow');
  return new CelDuration(nanos);
}

export function timestampOf(nanos: bigint): CelTimestamp {
  if (nanos > TIME_NANOS_MAX || nanos < TIME_NANOS_MIN) throw new CelError('timestamp overflow');
  return new CelTimestamp(nanos);
}

const TIMESTAMP = /^(\d{4}-\d{2}-\d{2})(?:[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2}))?$/;

/** RFC 3339, or a date alone. */
export function parseTimestamp(text: string): CelTimestamp {
  const match = TIMESTAMP.exec(text);
  const [, date = '', time = '00:00:00', fraction = '', zone = 'Z'] = match ?? [];
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (match === null || Number.isNaN(ms))
    throw new CelError(`parsing time ${JSON.stringify(text)}: not an RFC 3339 time`);
  return timestampOf(BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0')));
}

/** Go's durations: `1h30m`, `-1.5s`, `0`. */
export function parseDuration(text: string): CelDuration {
  return durationOf(nanosOf(text));
}

function nanosOf(text: string): bigint {
  try {
    return parseGoDuration(text);
  } catch (cause) {
    if (cause instanceof TimeError) throw new CelError(cause.message);
    throw cause;
  }
}

/** What `type(x)` answers, as text. */
export function typeNameOf(value: CelValue): string {
  if (value === null) return 'null_type';
  switch (typeof value) {
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    default:
      return nameOfObject(value);
  }
}

function nameOfObject(value: object): string {
  if (value instanceof CelList) return 'list';
  if (value instanceof CelMap) return 'map';
  if (value instanceof CelUint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof CelTimestamp) return 'google.protobuf.Timestamp';
  if (value instanceof CelDuration) return 'google.protobuf.Duration';
  if (value instanceof CelOptional) return 'optional_type';
  return value instanceof CelOpaque ? value.type : 'type';
}
