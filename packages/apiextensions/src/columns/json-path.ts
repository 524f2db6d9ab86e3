/**
 * The paths of printer columns: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`, `.list[0]`, `['a.b']`.
 * Source: client-go util/jsonpath, as CustomResourceDefinitions document it.
 */

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly path: readonly Step[]; readonly operator: string; readonly value: unknown };

/** All that the path finds in an object, in order. */
export type JsonPath = (object: unknown) => readonly unknown[];

/** Throws SyntaxError for what is no path. */
export function parseJsonPath(text: string): JsonPath {
  const steps = new Parser(text).path();
  return (object) => walk([object], steps);
}

function walk(start: readonly unknown[], steps: readonly Step[]): readonly unknown[] {
  let found = start;
  for (const step of steps) {
    if (found.length === 0) return found;
    found = found.flatMap((value) => take(value, step));
  }
  return found;
}

function take(value: unknown, step: Step): readonly unknown[] {
  switch (step.kind) {
    case 'field': {
      if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step.name))
        return [];
      return [(value as Record<string, unknown>)[step.name]];
    }
    case 'index': {
      if (!Array.isArray(value)) return [];
      const item: unknown = value.at(step.index);
      return item === undefined ? [] : [item];
    }
    case 'all':
      return typeof value === 'object' && value !== null ? Object.values(value) : [];
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => matches(item, step)) : [];
  }
}

function matches(item: unknown, { path, operator, value }: Extract<Step, { kind: 'filter' }>): boolean {
  const [found] = walk([item], path);
  if (operator === '') return found !== undefined;
  if (found === undefined) return false;
  switch (operator) {
    case '==':
      return found === value;
    case '!=':
      return found !== value;
    default:
      return typeof found === typeof value && compares(found as number, operator, value as number);
  }
}

function compares(a: number, operator: string, b: number): boolean {
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}

const NAME = /(?:\\.|[^.[\]\s\\])+/y;
const INDEX = /\[\s*(-?\d+)\s*\]/y;
const ALL = /\[\s*\*\s*\]/y;
const QUOTED = /\[\s*(?:'([^']*)'|"([^"]*)")\s*\]/y;
const FILTER = /\[\s*\?\(\s*@(\S*?)\s*(?:(==|!=|<=|>=|<|>)\s*(?:"([^"]*)"|'([^']*)'|([^\s)]+))\s*)?\)\s*\]/y;

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    const inner = /^\{(.*)\}$/.exec(text.trim())?.[1];
    this.#text = (inner ?? text).trim();
  }

  path(): Step[] {
    const steps: Step[] = [];
    if (this.#text.startsWith('$') || this.#text.startsWith('@')) this.#at++;
    while (this.#at < this.#text.length) {
      const step = this.#step();
      if (step !== undefined) steps.push(step);
    }
    return steps;
  }

  #step(): Step | undefined {
    if (this.#text[this.#at] === '.') return this.#field();
    const index = this.#match(INDEX);
    if (index !== undefined) return { kind: 'index', index: Number(index[1]) };
    if (this.#match(ALL) !== undefined) return { kind: 'all' };
    const quoted = this.#match(QUOTED);
    if (quoted !== undefined) return { kind: 'field', name: quoted[1] ?? quoted[2] ?? '' };
    const filter = this.#match(FILTER);
    if (filter === undefined) throw new SyntaxError(`unrecognized character in path: ${this.#text.slice(this.#at)}`);
    const [, path = '', operator = '', double, single, bare] = filter;
    return { kind: 'filter', path: new Parser(path).path(), operator, value: double ?? single ?? literal(bare) };
  }

  #field(): Step | undefined {
    this.#at++;
    const rest = this.#text[this.#at];
    if (rest === undefined || rest === '[') return undefined;
    const name = this.#match(NAME)?.[0];
    if (name === undefined) throw new SyntaxError(`unexpected ${JSON.stringify(rest)} in path ${this.#text}`);
    return name === '*' ? { kind: 'all' } : { kind: 'field', name: name.replace(/\\(.)/g, '$1') };
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }
}

function literal(text: string | undefined): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return text === undefined || Number.isNaN(number) ? text : number;
}
