/** One step of a field path, as its FieldsV1 key. Source: smd v6 fieldpath/{element,serialize-pe}.go. */
import { parseExactJson, stringifyExactJson } from '@kapella/base';

/**
 * `f:name` a field, `k:{"name":"x"}` the item of a list with these keys (sorted), `v:"x"` a value in a set,
 * `i:0` an index. Canonical: equal elements are equal strings.
 */
export type PathElement = string;

export const fieldElement = (name: string): PathElement => `f:${name}`;
export const valueElement = (value: unknown): PathElement => `v:${stringifyExactJson(value)}`;

/** `pairs` sorted by name. */
export function keyElement(pairs: readonly (readonly [name: string, value: unknown])[]): PathElement {
  const parts = pairs.map(([name, value]) => `${JSON.stringify(name)}:${stringifyExactJson(value) ?? 'null'}`);
  return `k:{${parts.join(',')}}`;
}

/** Name of the field, or undefined for the other kinds. */
export function fieldNameOf(element: PathElement): string | undefined {
  return element.startsWith('f:') ? element.slice(2) : undefined;
}

export const isKeyElement = (element: PathElement): boolean => element.startsWith('k:');

/** The canonical form of an element that a client wrote; undefined when it is of no known kind. Throws SyntaxError. */
export function canonicalElement(element: string): PathElement | undefined {
  switch (element.slice(0, 2)) {
    case 'f:':
      return element;
    case 'v:':
      return valueElement(parseExactJson(element.slice(2)));
    case 'k:':
      return keyElement(pairsOf(element));
    case 'i:':
      if (!/^[-+]?[0-9]+$/.test(element.slice(2))) throw new SyntaxError(`invalid index in ${element}`);
      return `i:${Number(element.slice(2))}`;
    default:
      if (element.length < 2) throw new SyntaxError('key must be 2 characters long:');
      if (element[1] !== ':') throw new SyntaxError(`missing colon: ${element}`);
      return undefined;
  }
}

/** As it is shown: `.name`, `[name="x"]`, `[="x"]`, `[0]`. */
export function formatElement(element: PathElement): string {
  switch (element[0]) {
    case 'f':
      return `.${element.slice(2)}`;
    case 'k':
      return `[${pairsOf(element)
        .map(([name, value]) => `${name}=${formatValue(value)}`)
        .join(',')}]`;
    case 'v':
      return `[=${formatValue(parseExactJson(element.slice(2)))}]`;
    default:
      return `[${element.slice(2)}]`;
  }
}

export function formatPath(path: readonly PathElement[]): string {
  return path.map(formatElement).join('');
}

/** Fields, then keys, then values, then indexes; each in its own order. */
export function compareElements(a: PathElement, b: PathElement): number {
  if (a === b) return 0;
  const kind = KIND_ORDER.indexOf(a[0] ?? '') - KIND_ORDER.indexOf(b[0] ?? '');
  if (kind !== 0) return kind;
  switch (a[0]) {
    case 'k':
      return comparePairs(pairsOf(a), pairsOf(b));
    case 'v':
      return compareValues(parseExactJson(a.slice(2)), parseExactJson(b.slice(2)));
    case 'i':
      return Number(a.slice(2)) - Number(b.slice(2));
    default:
      return a < b ? -1 : 1;
  }
}

// The self marker comes before all.
const KIND_ORDER = '.fkvi';

function pairsOf(element: PathElement): [string, unknown][] {
  const parsed: unknown = parseExactJson(element.slice(2));
  if (typeof parsed !== 'object' || parsed === null) throw new SyntaxError(`invalid key in ${element}`);
  return Object.entries(parsed).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function comparePairs(a: readonly [string, unknown][], b: readonly [string, unknown][]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [left, leftValue] = a[i] as [string, unknown];
    const [right, rightValue] = b[i] as [string, unknown];
    if (left !== right) return left < right ? -1 : 1;
    const order = compareValues(leftValue, rightValue);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const TYPE_ORDER = ['number', 'string', 'boolean', 'object'];

const typeOrder = (value: unknown) => TYPE_ORDER.indexOf(typeof value === 'bigint' ? 'number' : typeof value);

function compareValues(a: unknown, b: unknown): number {
  const kind = typeOrder(a) - typeOrder(b);
  if (kind !== 0) return kind;
  if (a === b) return 0;
  if (typeof a === 'object') return stringifyExactJson(a) < stringifyExactJson(b) ? -1 : 1;
  return (a as string) < (b as string) ? -1 : 1;
}

function formatValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatValue).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, item]) => `${name}=${formatValue(item)}`)
      .join('');
  }
  return stringifyExactJson(value);
}
