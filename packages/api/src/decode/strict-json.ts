/**
 * Duplicate fields of a JSON text, which JSON.parse hides. Source: sigs.k8s.io/json, DisallowDuplicateFields.
 * Texts without duplicates, nearly all, pay only for counting keys; the rest are read again with their types.
 */
import type { FieldFact, TypeFacts } from '../schema.ts';

const BACKSLASH = 92;
const COLON = 58;
const STRICT_ERRORS_MAX = 100;

/** Whether an object in the text has a key twice. `value` is what JSON.parse made of the text. */
export function hasDuplicateKeys(text: string, value: unknown): boolean {
  return countKeysOfText(text) !== countKeys(value);
}

function countKeysOfText(text: string): number {
  let count = 0;
  let at = text.indexOf('"');
  while (at >= 0) {
    const end = endOfString(text, at);
    let next = end + 1;
    while (text.charCodeAt(next) <= 32) next++;
    if (text.charCodeAt(next) === COLON) count++;
    at = text.indexOf('"', next);
  }
  return count;
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const element of value) if (typeof element === 'object') count += countKeys(element);
    return count;
  }
  for (const key of Object.keys(value)) {
    count++;
    const child = (value as Record<string, unknown>)[key];
    if (typeof child === 'object') count += countKeys(child);
  }
  return count;
}

/** Index of the quote that ends the string which starts at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

/** How strictly the values under a key are read. */
type Context =
  | { readonly kind: 'struct'; readonly typeId: string }
  | { readonly kind: 'map'; readonly value: Context }
  | { readonly kind: 'list'; readonly element: Context }
  | { readonly kind: 'untyped' }
  | { readonly kind: 'skip' };

const UNTYPED: Context = { kind: 'untyped' };
const SKIP: Context = { kind: 'skip' };

/**
 * All strict errors of a valid JSON text in document order: `unknown field "spec.foo"`, `duplicate field "spec.foo"`.
 * Without a type every object is a map: only duplicates are reported.
 */
export function scanStrictErrors(text: string, typeId: string | undefined, facts: TypeFacts): readonly string[] {
  const scanner = new Scanner(text, facts);
  scanner.value(typeId === undefined ? UNTYPED : { kind: 'struct', typeId }, '');
  return [...scanner.errors];
}

class Scanner {
  readonly errors = new Set<string>();
  readonly #text: string;
  readonly #facts: TypeFacts;
  #at = 0;

  constructor(text: string, facts: TypeFacts) {
    this.#text = text;
    this.#facts = facts;
  }

  value(context: Context, path: string): void {
    const first = this.#peek();
    if (first === '{') this.#object(context, path);
    else if (first === '[') this.#array(context, path);
    else if (first === '"') this.#at = endOfString(this.#text, this.#at) + 1;
    else while (this.#at < this.#text.length && !/[,\]}\s]/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  #object(context: Context, path: string): void {
    const seen = new Set<string>();
    this.#at++;
    while (this.#peek() !== '}') {
      const key = this.#key();
      this.value(this.#child(context, key, seen, path), path === '' ? key : `${path}.${key}`);
      if (this.#peek() === ',') this.#at++;
    }
    this.#at++;
  }

  #array(context: Context, path: string): void {
    const element = context.kind === 'list' ? context.element : context.kind === 'untyped' ? UNTYPED : SKIP;
    this.#at++;
    for (let i = 0; this.#peek() !== ']'; i++) {
      this.value(element, `${path}[${i}]`);
      if (this.#peek() === ',') this.#at++;
    }
    this.#at++;
  }

  #key(): string {
    const start = this.#at;
    const end = endOfString(this.#text, start);
    const key = JSON.parse(this.#text.slice(start, end + 1)) as string;
    this.#at = end + 1;
    if (this.#peek() === ':') this.#at++;
    return key;
  }

  #child(context: Context, key: string, seen: Set<string>, path: string): Context {
    if (context.kind === 'skip' || context.kind === 'list') return SKIP;
    const field = context.kind === 'struct' ? this.#facts.field(context.typeId, key) : undefined;
    const full = path === '' ? key : `${path}.${key}`;
    if (context.kind === 'struct' && field === undefined) {
      this.#report(`unknown field ${JSON.stringify(full)}`);
      return SKIP;
    }
    if (seen.has(key)) this.#report(`duplicate field ${JSON.stringify(full)}`);
    seen.add(key);
    if (field !== undefined) return contextOf(field);
    return context.kind === 'map' ? context.value : UNTYPED;
  }

  #report(error: string): void {
    if (this.errors.size < STRICT_ERRORS_MAX) this.errors.add(error);
  }

  #peek(): string {
    while (this.#text.charCodeAt(this.#at) <= 32) this.#at++;
    if (this.#at >= this.#text.length) throw new SyntaxError('unexpected end of JSON input');
    return this.#text.charAt(this.#at);
  }
}

function contextOf(field: FieldFact): Context {
  const element: Context = field.type.includes('.') ? { kind: 'struct', typeId: field.type } : SKIP;
  if (field.shape === 'list') return { kind: 'list', element };
  return field.shape === 'map' ? { kind: 'map', value: element } : element;
}
