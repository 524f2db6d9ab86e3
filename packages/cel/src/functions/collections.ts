/** Lists, sets and optionals. Sources: cel-go ext/{lists,sets}.go and cel/library.go, apiserver/pkg/cel/library/lists.go. */
import {
  A,
  BOOL,
  type CelType,
  DOUBLE,
  DURATION,
  INT,
  listOf,
  optionalOf,
  STRING,
  TIMESTAMP,
  UINT,
} from '../check/types.ts';
import { compare, equals } from '../values/compare.ts';
import {
  ArrayList,
  CelDuration,
  CelError,
  CelList,
  CelOptional,
  CelUint,
  type CelValue,
  NONE,
} from '../values/values.ts';
import { isIn } from './arithmetic.ts';
import { checkedInt, checkedUint, globalFunction, lengthOf, memberFunction, type Overload } from './overload.ts';

const LIST_SIZE_MAX = 1_000_000;
const listCost = ([list]: readonly CelValue[]) => Math.max(0, lengthOf(list) - 1);
const items = (value: CelValue | undefined) => (value as CelList).toArray();

const COMPARABLE: readonly CelType[] = [INT, UINT, DOUBLE, BOOL, STRING, DURATION, TIMESTAMP];
const SUMMABLE: readonly (readonly [CelType, (values: readonly CelValue[]) => CelValue])[] = [
  [INT, (values) => values.reduce<bigint>((sum, value) => checkedInt(sum + (value as bigint)), 0n)],
  [UINT, (values) => checkedUint(values.reduce<bigint>((sum, value) => sum + (value as CelUint).value, 0n))],
  [DOUBLE, (values) => values.reduce<number>((sum, value) => sum + (value as number), 0)],
  [
    DURATION,
    (values) => new CelDuration(values.reduce<bigint>((sum, value) => sum + (value as CelDuration).nanos, 0n)),
  ],
];

function isSorted([list]: readonly CelValue[]): boolean {
  const all = items(list);
  return all.every((item, i) => i === 0 || compare(all[i - 1] as CelValue, item) <= 0);
}

function extreme(name: 'min' | 'max', wanted: (order: number) => boolean) {
  return ([list]: readonly CelValue[]): CelValue => {
    const all = items(list);
    const [first] = all;
    if (first === undefined) throw new CelError(`${name} called on empty list`);
    return all.reduce((best, item) => (wanted(compare(item, best)) ? item : best), first);
  };
}

function findIndex([list, item]: readonly CelValue[]): bigint {
  return BigInt(items(list).findIndex((other) => equals(other, item as CelValue)));
}

function findLastIndex([list, item]: readonly CelValue[]): bigint {
  return BigInt(items(list).findLastIndex((other) => equals(other, item as CelValue)));
}

/** Kubernetes' own. */
const kubernetesLists: readonly Overload[] = [
  ...COMPARABLE.flatMap((type) => [
    memberFunction('isSorted', [listOf(type)], BOOL, isSorted, listCost),
    memberFunction(
      'min',
      [listOf(type)],
      type,
      extreme('min', (order) => order < 0),
      listCost,
    ),
    memberFunction(
      'max',
      [listOf(type)],
      type,
      extreme('max', (order) => order > 0),
      listCost,
    ),
  ]),
  ...SUMMABLE.map(([type, sum]) => memberFunction('sum', [listOf(type)], type, ([list]) => sum(items(list)), listCost)),
  memberFunction('indexOf', [listOf(A), A], INT, findIndex, listCost),
  memberFunction('lastIndexOf', [listOf(A), A], INT, findLastIndex, listCost),
];

function flatten([list, depth]: readonly CelValue[]): CelList {
  const levels = depth === undefined ? 1n : (depth as bigint);
  if (levels < 0n) throw new CelError('level must be non-negative');
  const flat = (values: readonly CelValue[], left: bigint): CelValue[] =>
    values.flatMap((value) => (value instanceof CelList && left > 0n ? flat(value.toArray(), left - 1n) : [value]));
  return new ArrayList(flat(items(list), levels));
}

function slice([list, from, to]: readonly CelValue[]): CelList {
  const [start, end] = [from as bigint, to as bigint];
  if (start < 0n || end < 0n) throw new CelError(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end)
    throw new CelError(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  const size = BigInt((list as CelList).size);
  if (end > size) throw new CelError(`cannot slice(${start}, ${end}), list is length ${size}`);
  return new ArrayList(items(list).slice(Number(start), Number(end)));
}

function distinct([list]: readonly CelValue[]): CelList {
  const found: CelValue[] = [];
  for (const item of items(list)) if (!found.some((other) => equals(other, item))) found.push(item);
  return new ArrayList(found);
}

function range([count]: readonly CelValue[]): CelList {
  const size = count as bigint;
  if (size > LIST_SIZE_MAX) throw new CelError(`lists.range: size ${size} exceeds ${LIST_SIZE_MAX}`);
  return new ArrayList(Array.from({ length: Math.max(0, Number(size)) }, (_, i) => BigInt(i)));
}

/** cel-go's extension, version 3. */
const lists: readonly Overload[] = [
  memberFunction('slice', [listOf(A), INT, INT], listOf(A), slice, listCost),
  memberFunction('flatten', [listOf(listOf(A))], listOf(A), flatten, listCost),
  memberFunction('flatten', [listOf(A), INT], listOf({ kind: 'dyn' }), flatten, listCost),
  memberFunction('distinct', [listOf(A)], listOf(A), distinct, ([list]) => lengthOf(list) ** 2),
  memberFunction('reverse', [listOf(A)], listOf(A), ([list]) => new ArrayList(items(list).reverse()), listCost),
  ...COMPARABLE.map((type) =>
    memberFunction(
      'sort',
      [listOf(type)],
      listOf(type),
      ([list]) => new ArrayList(items(list).sort(compare)),
      listCost,
    ),
  ),
  globalFunction('lists.range', [INT], listOf(INT), range, ([count]) => Number(count)),
  memberFunction('first', [listOf(A)], optionalOf(A), ([list]) => optional(items(list)[0])),
  memberFunction('last', [listOf(A)], optionalOf(A), ([list]) => optional(items(list).at(-1))),
];

const setCost = ([a, b]: readonly CelValue[]) => lengthOf(a) * lengthOf(b);
const contains = (list: CelValue | undefined, sub: CelValue | undefined) =>
  items(sub).every((item) => isIn(item, list as CelList));

const sets: readonly Overload[] = [
  globalFunction('sets.contains', [listOf(A), listOf(A)], BOOL, ([a, b]) => contains(a, b), setCost),
  globalFunction(
    'sets.equivalent',
    [listOf(A), listOf(A)],
    BOOL,
    ([a, b]) => contains(a, b) && contains(b, a),
    setCost,
  ),
  globalFunction(
    'sets.intersects',
    [listOf(A), listOf(A)],
    BOOL,
    ([a, b]) => items(b).some((item) => isIn(item, a as CelList)),
    setCost,
  ),
];

const optional = (value: CelValue | undefined) => (value === undefined ? NONE : new CelOptional(value));

function isZero(value: CelValue): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (value instanceof CelUint) return value.value === 0n;
  if (value instanceof CelDuration) return value.nanos === 0n;
  return typeof value === 'object' && lengthOf(value) === 0;
}

const optionals: readonly Overload[] = [
  globalFunction('optional.of', [A], optionalOf(A), ([value]) => new CelOptional(value)),
  globalFunction('optional.ofNonZeroValue', [A], optionalOf(A), ([value]) =>
    isZero(value as CelValue) ? NONE : new CelOptional(value),
  ),
  globalFunction('optional.none', [], optionalOf(A), () => NONE),
  memberFunction('hasValue', [optionalOf(A)], BOOL, ([value]) => (value as CelOptional).value !== undefined),
  memberFunction('value', [optionalOf(A)], A, ([value]) => {
    const held = (value as CelOptional).value;
    if (held === undefined) throw new CelError('optional.none() dereference');
    return held;
  }),
  memberFunction('or', [optionalOf(A), optionalOf(A)], optionalOf(A), ([a, b]) =>
    (a as CelOptional).value === undefined ? (b as CelValue) : (a as CelValue),
  ),
  memberFunction('orValue', [optionalOf(A), A], A, ([a, b]) => (a as CelOptional).value ?? (b as CelValue)),
  globalFunction('optional.unwrap', [listOf(optionalOf(A))], listOf(A), ([list]) => unwrap(list)),
  memberFunction('unwrapOpt', [listOf(optionalOf(A))], listOf(A), ([list]) => unwrap(list)),
];

function unwrap(list: CelValue | undefined): CelList {
  return new ArrayList(items(list).flatMap((item) => (item as CelOptional).value ?? []));
}

export const collectionFunctions: readonly Overload[] = [...kubernetesLists, ...lists, ...sets, ...optionals];
