/** Text: the language's own functions, cel-go's strings extension (version 2), Kubernetes' regex library. */
import { RE2JS, RE2JSException } from 're2js';
import { BOOL, DYN, INT, listOf, STRING } from '../check/types.ts';
import { ArrayList, CelError, type CelList, type CelValue } from '../values/values.ts';
import { formatText } from './format-text.ts';
import { globalFunction, memberFunction, type Overload, textCost } from './overload.ts';

type Texts = readonly [string, string, string];
const texts = (args: readonly CelValue[]) => args as unknown as Texts;

/** Patterns are mostly constants: what was compiled last is kept. */
const PATTERNS_MAX = 256;
const patterns = new Map<string, RE2JS>();

export function compilePattern(pattern: string): RE2JS {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    const why = error instanceof RE2JSException ? error.message : 'invalid pattern';
    throw new CelError(why);
  }
  if (patterns.size >= PATTERNS_MAX) patterns.clear();
  patterns.set(pattern, compiled);
  return compiled;
}

const regexCost = (args: readonly CelValue[]) => {
  const [text, pattern] = texts(args);
  return Math.max(1, textCost(text.length + 1)) * Math.max(1, Math.ceil(pattern.length * 0.25)) - 1;
};
const firstCost = (args: readonly CelValue[]) => textCost((args[0] as string).length) - 1;
const needleCost = (args: readonly CelValue[]) =>
  textCost((args[0] as string).length) * textCost((args[1] as string).length) - 1;
const matches = (args: readonly CelValue[]) => compilePattern(texts(args)[1]).matcher(texts(args)[0]).find();

const standard: readonly Overload[] = [
  globalFunction('matches', [STRING, STRING], BOOL, matches, regexCost),
  memberFunction('matches', [STRING, STRING], BOOL, matches, regexCost),
  memberFunction('contains', [STRING, STRING], BOOL, (v) => texts(v)[0].includes(texts(v)[1]), needleCost),
  memberFunction(
    'startsWith',
    [STRING, STRING],
    BOOL,
    (v) => texts(v)[0].startsWith(texts(v)[1]),
    (v) => textCost(texts(v)[1].length) - 1,
  ),
  memberFunction(
    'endsWith',
    [STRING, STRING],
    BOOL,
    (v) => texts(v)[0].endsWith(texts(v)[1]),
    (v) => textCost(texts(v)[1].length) - 1,
  ),
];

function inRange(index: bigint, length: number): number {
  if (index < 0n || index > BigInt(length)) throw new CelError(`index out of range: ${index}`);
  return Number(index);
}

function charAt([text, index]: readonly CelValue[]): string {
  const chars = [...(text as string)];
  return chars[inRange(index as bigint, chars.length)] ?? '';
}

function indexOf([text, part, from]: readonly CelValue[]): bigint {
  const chars = [...(text as string)];
  const wanted = [...(part as string)];
  const start = from === undefined ? 0 : inRange(from as bigint, chars.length);
  for (let i = start; i + wanted.length <= chars.length; i++) if (startsAt(chars, wanted, i)) return BigInt(i);
  return wanted.length === 0 ? BigInt(start) : -1n;
}

function lastIndexOf([text, part, from]: readonly CelValue[]): bigint {
  const chars = [...(text as string)];
  const wanted = [...(part as string)];
  const last = from === undefined ? chars.length : inRange(from as bigint, chars.length);
  for (let i = Math.min(last, chars.length - wanted.length); i >= 0; i--)
    if (startsAt(chars, wanted, i)) return BigInt(i);
  return -1n;
}

function startsAt(chars: readonly string[], wanted: readonly string[], at: number): boolean {
  return wanted.every((char, i) => chars[at + i] === char);
}

function substring([text, from, to]: readonly CelValue[]): string {
  const chars = [...(text as string)];
  const start = inRange(from as bigint, chars.length);
  const end = to === undefined ? chars.length : inRange(to as bigint, chars.length);
  if (start > end) throw new CelError(`invalid substring range. start: ${start}, end: ${end}`);
  return chars.slice(start, end).join('');
}

function replace([text, from, to, count]: readonly CelValue[]): string {
  const [all, part, by] = [text as string, from as string, to as string];
  const limit = count === undefined || (count as bigint) < 0n ? Number.POSITIVE_INFINITY : Number(count);
  if (limit === Number.POSITIVE_INFINITY) return all.replaceAll(part, () => by);
  const pieces = all.split(part);
  if (pieces.length - 1 <= limit) return pieces.join(by);
  return [...pieces.slice(0, limit), pieces.slice(limit).join(part)].join(by);
}

function split([text, separator, count]: readonly CelValue[]): CelList {
  const pieces = separator === '' ? [...(text as string)] : (text as string).split(separator as string);
  const limit = count === undefined || (count as bigint) < 0n ? pieces.length : Number(count);
  if (limit === 0) return new ArrayList([]);
  if (limit >= pieces.length) return new ArrayList(pieces);
  return new ArrayList([...pieces.slice(0, limit - 1), pieces.slice(limit - 1).join(separator as string)]);
}

const ASCII_UPPER = /[A-Z]/g;
const ASCII_LOWER = /[a-z]/g;
/** As Go's unicode.IsSpace. */
const BLANK = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const SPACE = new RegExp(`^${BLANK}|${BLANK}$`, 'g');
const QUOTED: Readonly<Record<string, string>> = {
  ...{
    '\x07': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
    '\\': '\\\\',
    '"': '\\"',
  },
};

function quote(text: string): string {
  return `"${[...text].map((char) => QUOTED[char] ?? char).join('')}"`;
}

const join = ([list, separator]: readonly CelValue[]) =>
  (list as CelList).toArray().join((separator as string | undefined) ?? '');
const joinCost = ([list]: readonly CelValue[]) =>
  textCost(...(list as CelList).toArray().map((item) => (item as string).length));

const extension: readonly Overload[] = [
  memberFunction('charAt', [STRING, INT], STRING, charAt),
  ...[
    [STRING, STRING],
    [STRING, STRING, INT],
  ].flatMap((parameters) => [
    memberFunction('indexOf', parameters, INT, indexOf, needleCost),
    memberFunction('lastIndexOf', parameters, INT, lastIndexOf, needleCost),
  ]),
  memberFunction(
    'lowerAscii',
    [STRING],
    STRING,
    ([t]) => (t as string).replace(ASCII_UPPER, (c) => c.toLowerCase()),
    firstCost,
  ),
  memberFunction(
    'upperAscii',
    [STRING],
    STRING,
    ([t]) => (t as string).replace(ASCII_LOWER, (c) => c.toUpperCase()),
    firstCost,
  ),
  memberFunction('replace', [STRING, STRING, STRING], STRING, replace, firstCost),
  memberFunction('replace', [STRING, STRING, STRING, INT], STRING, replace, firstCost),
  memberFunction('split', [STRING, STRING], listOf(STRING), split, firstCost),
  memberFunction('split', [STRING, STRING, INT], listOf(STRING), split, firstCost),
  memberFunction('substring', [STRING, INT], STRING, substring, firstCost),
  memberFunction('substring', [STRING, INT, INT], STRING, substring, firstCost),
  memberFunction('trim', [STRING], STRING, ([t]) => (t as string).replace(SPACE, ''), firstCost),
  memberFunction('join', [listOf(STRING)], STRING, join, joinCost),
  memberFunction('join', [listOf(STRING), STRING], STRING, join, joinCost),
  memberFunction(
    'format',
    [STRING, listOf(DYN)],
    STRING,
    ([t, list]) => formatText(t as string, (list as CelList).toArray()),
    firstCost,
  ),
  globalFunction('strings.quote', [STRING], STRING, ([t]) => quote(t as string), firstCost),
];

function findAll([text, pattern, count]: readonly CelValue[]): CelList {
  const limit = count === undefined || (count as bigint) < 0n ? Number.POSITIVE_INFINITY : Number(count);
  const matcher = compilePattern(pattern as string).matcher(text as string);
  const found: string[] = [];
  while (found.length < limit && matcher.find()) found.push(matcher.group() ?? '');
  return new ArrayList(found);
}

const regex: readonly Overload[] = [
  memberFunction(
    'find',
    [STRING, STRING],
    STRING,
    (v) => {
      const matcher = compilePattern(texts(v)[1]).matcher(texts(v)[0]);
      return matcher.find() ? (matcher.group() ?? '') : '';
    },
    regexCost,
  ),
  memberFunction('findAll', [STRING, STRING], listOf(STRING), findAll, regexCost),
  memberFunction('findAll', [STRING, STRING, INT], listOf(STRING), findAll, regexCost),
];

export const stringFunctions: readonly Overload[] = [...standard, ...extension, ...regex];
