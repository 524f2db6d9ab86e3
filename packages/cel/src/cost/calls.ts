/** What one call costs besides its arguments, and how large its result is. Source: as estimate.ts, and library/cost.go. */
import type { CelType } from '../check/types.ts';
import { add, exactly, multiply, type Range, times, UNKNOWN } from './range.ts';

/** Units for each character that is read. */
const READ = 0.1;
/** Units for each character of a regular expression, with each character that it is held against. */
const REGEX = 0.25;
const NAME_PATTERN_CHARS_MAX = 128;
const FORMAT_SIZE_MAX = 64;
/** So that an expression may check twice. */
const CHECK = exactly(350_000);
const ONE = exactly(1);
/** Bytes of an address. */
const ADDRESS: Range = { min: 4, max: 16 };

export interface Operand {
  readonly type: CelType;
  readonly path: readonly string[];
  readonly size: Range | undefined;
  /** Of an integer that is written down. */
  readonly int?: bigint;
}

export interface CallCost {
  readonly cost: Range;
  /** undefined: not known, or of no list, map or string. */
  readonly size?: Range | undefined;
}

interface Call {
  /** Of the parameters of the signature; the target's first. */
  readonly kinds: readonly string[];
  readonly target: Operand | undefined;
  readonly args: readonly Operand[];
  elementOf(list: Operand): Operand | undefined;
}

type Rule = (call: Call) => CallCost | undefined;

/** `elementOf`: what a list holds; undefined: the operand is no list. */
export function callCost(
  name: string,
  kinds: readonly string[],
  target: Operand | undefined,
  args: readonly Operand[],
  elementOf: Call['elementOf'],
): CallCost {
  return RULES.get(name)?.({ kinds, target, args, elementOf }) ?? { cost: ONE };
}

const sizeOf = (operand: Operand | undefined): Range => operand?.size ?? UNKNOWN;
const read = (operand: Operand | undefined): Range => times(sizeOf(operand), READ);
const isText = (kind: string | undefined) => kind === 'string' || kind === 'bytes';

const readArgument: Rule = ({ args }) => ({ cost: read(args[0]) });
const readTarget: Rule = ({ target }) => target && { cost: read(target), size: sizeOf(target) };

/** Each item is compared; texts are read. On a string, its characters. */
const compareItems: Rule = ({ target, elementOf }) => {
  if (target === undefined) return undefined;
  const element = elementOf(target);
  if (element === undefined) return { cost: read(target) };
  const each = isText(element.type.kind) ? add(ONE, read(element)) : ONE;
  return { cost: multiply(sizeOf(target), each) };
};

const compareOrder: Rule = (call) => (isText(call.kinds[0]) ? compareValues(call) : undefined);

function compareValues({ args }: Call): CallCost {
  const max = Math.min(sizeOf(args[0]).max, sizeOf(args[1]).max);
  return { cost: times({ min: max > 0 ? 1 : 0, max }, READ) };
}

const CHEAP_TO_COMPARE = /^(net\.(IP|CIDR)|kubernetes\.(Quantity|Semver|authorization\..*))$/;

const equal: Rule = (call) => {
  const type = call.args[0]?.type;
  if (type?.kind === 'opaque' && type.kind === call.args[1]?.type.kind) {
    if (CHEAP_TO_COMPARE.test(type.name)) return { cost: ONE };
    if (type.name === 'kubernetes.NamedFormat') return { cost: times({ min: 1, max: FORMAT_SIZE_MAX }, READ) };
    if (type.name === 'kubernetes.URL') return { cost: times({ min: 1, max: call.args[1]?.size?.max ?? 1 }, READ) };
  }
  return compareValues(call);
};

const plus: Rule = ({ kinds, args }) => {
  const isList = kinds[0] === 'list';
  if (!isList && !isText(kinds[0])) return undefined;
  const size = add(sizeOf(args[0]), sizeOf(args[1]));
  return { cost: isList ? ONE : times(size, READ), size };
};

/** One more character, so that an empty string costs what its pattern costs. */
const regexCost = (text: Operand | undefined, pattern: Operand | undefined): Range =>
  multiply(times(add(sizeOf(text), ONE), READ), times(sizeOf(pattern), REGEX));

const replace: Rule = ({ target, args }) => {
  if (target === undefined || args.length < 2) return undefined;
  const text = sizeOf(target);
  const [old, next] = [sizeOf(args[0]), sizeOf(args[1])];
  const most = replacements(text.max, old.min, next.max <= old.min);
  const least = replacements(text.min, old.max, old.max <= next.min);
  const count = { min: least.count, max: most.count };
  const kept = { min: least.kept, max: most.kept };
  return { cost: times(text, 2 * READ), size: add(multiply(count, next), kept) };
};

/** An empty text is found around every character; where the result cannot get longer (or shorter), nothing counts. */
function replacements(length: number, old: number, isSame: boolean): { readonly count: number; readonly kept: number } {
  if (old === 0) return { count: length + 1, kept: length };
  return isSame ? { count: 0, kept: length } : { count: Math.ceil(length / old), kept: 0 };
}

const split: Rule = ({ target, args }) => {
  if (target === undefined) return undefined;
  const limit = args[1]?.int;
  const max = limit === undefined ? sizeOf(target).max : Number(BigInt.asUintN(64, limit));
  return { cost: times(sizeOf(target), 2 * READ), size: { min: 0, max } };
};

const join: Rule = ({ target, args, elementOf }) => {
  if (target === undefined) return undefined;
  const count = sizeOf(target);
  const element = elementOf(target);
  let size: Range = element === undefined ? exactly(0) : multiply(count, sizeOf(element));
  if (args[0] !== undefined) {
    const gaps = { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) };
    size = add(size, multiply(sizeOf(args[0]), gaps));
  }
  return { cost: times(size, READ), size };
};

const find: Rule = ({ target, args }) =>
  target && args[0] && { cost: regexCost(target, args[0]), size: { min: 0, max: sizeOf(target).max } };

const contains =
  (more: Range): Rule =>
  ({ kinds, args }) => {
    const compared = add(times(add(ADDRESS, ADDRESS), READ), more);
    return { cost: kinds[1] === 'string' ? add(compared, read(args[0])) : compared };
  };

const sets =
  (factor: number): Rule =>
  ({ args }) => ({ cost: add(times(multiply(sizeOf(args[0]), sizeOf(args[1])), factor), ONE) });

const rows: readonly (readonly [names: string, rule: Rule])[] = [
  ['check', () => ({ cost: CHECK })],
  ['fieldSelector labelSelector', readArgument],
  ['isSorted sum max min indexOf lastIndexOf', compareItems],
  ['url jsonpatch.escapeKey', ({ args }) => ({ cost: read(args[0]), size: sizeOf(args[0]) })],
  ['lowerAscii upperAscii substring trim', readTarget],
  ['replace', replace],
  ['split', split],
  ['join', join],
  ['find findAll', find],
  ['cidr isIP isCIDR quantity isQuantity semver isSemver', readArgument],
  ['ip', ({ target, args }) => ({ cost: target === undefined ? read(args[0]) : ONE })],
  ['ip.isCanonical', ({ args }) => ({ cost: times(sizeOf(args[0]), 2 * READ) })],
  ['containsIP', contains(exactly(0))],
  ['containsCIDR', contains(add(times(ADDRESS, READ), ONE))],
  ['validate', ({ args }) => ({ cost: times(read(args[0]), NAME_PATTERN_CHARS_MAX * REGEX) })],
  ['format', ({ target }) => (target?.type.kind === 'string' ? { cost: read(target) } : undefined)],
  ['strings.quote', ({ args }) => ({ cost: read(args[0]), size: quoted(sizeOf(args[0])) })],
  ['startsWith endsWith', readArgument],
  ['@in', ({ kinds, args }) => (kinds[1] === 'list' ? { cost: sizeOf(args[1]) } : undefined)],
  ['matches', ({ target, args }) => (target === undefined ? undefined : { cost: regexCost(target, args[0]) })],
  [
    'contains',
    ({ target, args }) => (target === undefined ? undefined : { cost: multiply(read(target), read(args[0])) }),
  ],
  ['_+_', plus],
  ['_<_ _>_ _<=_ _>=_', compareOrder],
  ['_==_', equal],
  ['_!=_', compareValues],
  ['sets.contains sets.intersects', sets(1)],
  ['sets.equivalent', sets(2)],
  [
    'bytes',
    ({ kinds, args }) =>
      kinds[0] === 'string' ? { cost: read(args[0]), size: longest(sizeOf(args[0]), 1, 4) } : undefined,
  ],
  [
    'string',
    ({ kinds, args }) =>
      kinds[0] === 'bytes' ? { cost: read(args[0]), size: longest(sizeOf(args[0]), 0.25, 1) } : undefined,
  ],
];

const quoted = ({ min, max }: Range): Range => ({ min: min + 2, max: max * 2 + 2 });
const longest = ({ min, max }: Range, least: number, most: number): Range => ({
  min: Math.floor(min * least),
  max: max * most,
});

const RULES: ReadonlyMap<string, Rule> = new Map(
  rows.flatMap(([names, rule]) => names.split(' ').map((name) => [name, rule] as const)),
);
