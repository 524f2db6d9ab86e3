/** One signature of one function. */
import type { CelType } from '../check/types.ts';
import {
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
} from '../values/values.ts';

export interface Overload {
  /** `size`, `_+_`; with a dot for functions of a name space: `math.greatest`. */
  readonly name: string;
  /** Called as `a.f(b)`: the first parameter is `a`. */
  readonly member: boolean;
  readonly parameters: readonly CelType[];
  readonly result: CelType;
  /** Throws CelError. */
  call(args: readonly CelValue[]): CelValue;
  /** Units of cost beyond the one that every call has; absent: none. Source: cel-go and apiserver/pkg/cel/library/cost.go. */
  cost?(args: readonly CelValue[]): number;
}

type Call = Overload['call'];

export function globalFunction(
  name: string,
  parameters: readonly CelType[],
  result: CelType,
  call: Call,
  cost?: Overload['cost'],
): Overload {
  return { name, member: false, parameters, result, call, ...(cost === undefined ? {} : { cost }) };
}

export function memberFunction(
  name: string,
  parameters: readonly CelType[],
  result: CelType,
  call: Call,
  cost?: Overload['cost'],
): Overload {
  return { name, member: true, parameters, result, call, ...(cost === undefined ? {} : { cost }) };
}

/** Whether a value can be an argument where this type is wanted: what the checker could not tell of dyn. */
export function accepts(type: CelType, value: CelValue): boolean {
  switch (type.kind) {
    case 'dyn':
    case 'parameter':
      return true;
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'bool':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string';
    case 'null':
      return value === null;
    case 'object':
      return value instanceof CelMap;
    case 'opaque':
      return type.name === 'optional_type'
        ? value instanceof CelOptional
        : value instanceof CelOpaque && value.type === type.name;
    default:
      return value instanceof CLASSES[type.kind];
  }
}

const CLASSES = {
  uint: CelUint,
  bytes: Uint8Array,
  timestamp: CelTimestamp,
  duration: CelDuration,
  list: CelList,
  map: CelMap,
  type: CelTypeValue,
} as const;

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

export function checkedInt(value: bigint): bigint {
  if (value < INT_MIN || value > INT_MAX) throw new CelError('integer overflow');
  return value;
}

export function checkedUint(value: bigint): CelUint {
  if (value < 0n || value >= 2n ** 64n) throw new CelError('unsigned integer overflow');
  return new CelUint(value);
}

/** A tenth of a unit for each character that is read. */
export function textCost(...lengths: number[]): number {
  return Math.ceil(lengths.reduce((sum, length) => sum + length, 0) * 0.1);
}

/** In characters, as cost and `size` count them. */
export function charCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

export const lengthOf = (value: CelValue | undefined): number => {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.length;
  return value instanceof CelList || value instanceof CelMap ? value.size : 1;
};
