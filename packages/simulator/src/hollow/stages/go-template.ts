/**
 * Go templates as Stages use them: fields, variables, pipelines, if, with, range, functions. Not: define, template,
 * block, break, continue, methods. Source: text/template.
 */
import { cutTemplate, type TemplatePart } from './template-lexer.ts';

export type TemplateFunction = (...args: readonly unknown[]) => unknown;
export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>;
/** Renders with this data. Throws an Error that says what cannot be done. */
export type Template = (data: unknown, functions: TemplateFunctions) => string;

interface Scope {
  readonly dot: unknown;
  readonly variables: Map<string, { value: unknown }>;
}

interface Run {
  readonly root: unknown;
  readonly functions: TemplateFunctions;
  out: string;
}

type Node = (scope: Scope, run: Run) => void;
type Expression = (scope: Scope, run: Run) => unknown;

const OUTPUT_MAX = 1024 * 1024;

/** Throws where the template is not understood. */
export function compileTemplate(text: string): Template {
  const parser = new TemplateParser(cutTemplate(text));
  const nodes = parser.list([]).nodes;
  return (data, functions) => {
    const run: Run = { root: data, functions: { ...BUILT_IN, ...functions }, out: '' };
    execute(nodes, { dot: data, variables: new Map() }, run);
    return run.out;
  };
}

function execute(nodes: readonly Node[], scope: Scope, run: Run): void {
  const inner = { dot: scope.dot, variables: new Map(scope.variables) };
  for (const node of nodes) {
    node(inner, run);
    if (run.out.length > OUTPUT_MAX) throw new Error('template: more than 1 MiB of output');
  }
}

class TemplateParser {
  readonly #parts: readonly TemplatePart[];
  #at = 0;

  constructor(parts: readonly TemplatePart[]) {
    this.#parts = parts;
  }

  /** Up to one of the `ends`, which is answered with what follows its keyword. */
  list(ends: readonly string[]): { readonly nodes: readonly Node[]; readonly end: readonly string[] } {
    const nodes: Node[] = [];
    while (this.#at < this.#parts.length) {
      const part = this.#parts[this.#at++] as TemplatePart;
      if ('text' in part) {
        nodes.push((_scope, run) => {
          run.out += part.text;
        });
        continue;
      }
      const [keyword = ''] = part.action;
      if (ends.includes(keyword)) return { nodes, end: part.action };
      nodes.push(this.#action(part.action));
    }
    if (ends.length > 0) throw new Error('template: an {{ end }} is missing');
    return { nodes, end: [] };
  }

  #action(tokens: readonly string[]): Node {
    const [keyword = '', ...rest] = tokens;
    if (keyword === 'if' || keyword === 'with') return this.#branch(keyword, rest);
    if (keyword === 'range') return this.#range(rest);
    if (['define', 'template', 'block', 'break', 'continue', 'else', 'end'].includes(keyword))
      throw new Error(`template: {{ ${tokens.join(' ')} }} is not supported here`);
    return statement(tokens);
  }

  #branch(keyword: string, tokens: readonly string[]): Node {
    const condition = parseAssignment(tokens);
    const { nodes, end } = this.list(['else', 'end']);
    const otherwise = this.#otherwise(end);
    return (scope, run) => {
      const inner = { dot: scope.dot, variables: new Map(scope.variables) };
      const value = condition(inner, run);
      if (isTrue(value)) execute(nodes, keyword === 'with' ? { ...inner, dot: value } : inner, run);
      else execute(otherwise, scope, run);
    };
  }

  #otherwise(end: readonly string[]): readonly Node[] {
    if (end[0] === 'end') return [];
    const [, keyword, ...rest] = end;
    if (keyword === undefined) return this.list(['end']).nodes;
    return [this.#branch(keyword, rest)]; // else if, else with: one {{ end }} closes both
  }

  #range(tokens: readonly string[]): Node {
    const assign = tokens.indexOf(':=');
    const names = assign < 0 ? [] : tokens.slice(0, assign).filter((token) => token !== ',');
    const source = parseExpression(tokens.slice(assign + 1));
    const { nodes, end } = this.list(['else', 'end']);
    const otherwise = this.#otherwise(end);
    return (scope, run) => {
      const entries = entriesOf(source(scope, run));
      if (entries.length === 0) execute(otherwise, scope, run);
      for (const [key, value] of entries) {
        const variables = new Map(scope.variables);
        if (names.length > 0) variables.set(names.at(-1) as string, { value });
        if (names.length > 1) variables.set(names[0] as string, { value: key });
        execute(nodes, { dot: value, variables }, run);
      }
    };
  }
}

function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)); // Go ranges over maps in the order of their keys
  }
  return [];
}

function statement(tokens: readonly string[]): Node {
  const isSilent = tokens[1] === ':=' || tokens[1] === '=';
  const expression = parseAssignment(tokens);
  return (scope, run) => {
    const value = expression(scope, run);
    if (!isSilent) run.out += textOf(value);
  };
}

function parseAssignment(tokens: readonly string[]): Expression {
  const [name = '', sign] = tokens;
  if (sign !== ':=' && sign !== '=') return parseExpression(tokens);
  const expression = parseExpression(tokens.slice(2));
  return (scope, run) => {
    const value = expression(scope, run);
    const known = scope.variables.get(name);
    if (sign === '=' && known === undefined) throw new Error(`template: undefined variable ${name}`);
    if (sign === '=' && known !== undefined) known.value = value;
    else scope.variables.set(name, { value });
    return value;
  };
}

/** A pipeline: each command gets the value of the one before it as its last argument. */
function parseExpression(tokens: readonly string[]): Expression {
  const commands = splitTop(tokens, '|').map(parseCommand);
  return (scope, run) => {
    let value: unknown;
    commands.forEach((command, index) => {
      value = command(scope, run, index === 0 ? [] : [value]);
    });
    return value;
  };
}

function splitTop(tokens: readonly string[], separator: string): string[][] {
  const pieces: string[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token === '(') depth++;
    if (token.startsWith(')')) depth--;
    if (token === separator && depth === 0) pieces.push([]);
    else pieces.at(-1)?.push(token);
  }
  if (depth !== 0) throw new Error(`template: parentheses do not match in {{ ${tokens.join(' ')} }}`);
  return pieces;
}

type Command = (scope: Scope, run: Run, piped: readonly unknown[]) => unknown;

function parseCommand(tokens: readonly string[]): Command {
  const operands = parseOperands(tokens);
  const [head] = tokens;
  if (head !== undefined && /^[A-Za-z_]\w*$/.test(head) && !LITERALS.has(head)) {
    return (scope, run, piped) => {
      const fn = Object.hasOwn(run.functions, head) ? run.functions[head] : undefined;
      if (fn === undefined) throw new Error(`template: function ${JSON.stringify(head)} not defined`);
      return fn(...operands.slice(1).map((operand) => operand(scope, run)), ...piped);
    };
  }
  if (operands.length !== 1) throw new Error(`template: cannot call {{ ${tokens.join(' ')} }}`);
  return (scope, run) => operands[0]?.(scope, run);
}

function parseOperands(tokens: readonly string[]): Expression[] {
  const operands: Expression[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] as string;
    if (token !== '(') {
      operands.push(parseOperand(token));
      continue;
    }
    let depth = 1;
    let end = at + 1;
    for (; end < tokens.length && depth > 0; end++) {
      if (tokens[end] === '(') depth++;
      if (tokens[end]?.startsWith(')') === true) depth--;
    }
    const inner = parseExpression(tokens.slice(at + 1, end - 1));
    const fields = (tokens[end - 1] ?? '').split('.').slice(1); // (index .a 0).b
    operands.push((scope, run) => fields.reduce(fieldOf, inner(scope, run)));
    at = end - 1;
  }
  return operands;
}

const LITERALS = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['nil', undefined],
]);

function parseOperand(token: string): Expression {
  if (LITERALS.has(token)) return () => LITERALS.get(token);
  if (token.startsWith('"')) return () => JSON.parse(token);
  if (token.startsWith('`')) return () => token.slice(1, -1);
  if (/^-?\d/.test(token)) return () => Number(token);
  if (token === '.') return ({ dot }) => dot;
  if (token === '$') return (_scope, { root }) => root;
  const [head = '', ...path] = token.split('.');
  if (head === '') return ({ dot }) => path.reduce(fieldOf, dot);
  if (head === '$') return (_scope, { root }) => path.reduce(fieldOf, root);
  if (head.startsWith('$')) {
    return ({ variables }) => {
      const variable = variables.get(head);
      if (variable === undefined) throw new Error(`template: undefined variable ${head}`);
      return path.reduce(fieldOf, variable.value);
    };
  }
  // A function without arguments as an operand: {{ or .x dict }}.
  return (_scope, { functions }) => (Object.hasOwn(functions, token) ? functions[token]?.() : undefined);
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const compare = (test: (order: number) => boolean) => (a: unknown, b: unknown) =>
  test(typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : a === b ? 0 : 1);

const BUILT_IN: TemplateFunctions = {
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  not: (value) => !isTrue(value),
  eq: (first, ...others) => others.some((other) => other === first),
  ne: (a, b) => a !== b,
  lt: compare((order) => order < 0),
  le: compare((order) => order <= 0),
  gt: compare((order) => order > 0),
  ge: compare((order) => order >= 0),
  len: (value) => (typeof value === 'string' ? value.length : entriesOf(value).length),
  index: (value, ...keys) =>
    keys.reduce((at, key) => (Array.isArray(at) ? at[Number(key)] : fieldOf(at, String(key))), value),
  print: (...values) => values.map(textOf).join(''),
  printf: (format, ...values) => {
    let at = 0;
    return String(format).replace(/%[sdvq%]/g, (verb) => {
      if (verb === '%%') return '%';
      const value = values[at++];
      return verb === '%q' ? JSON.stringify(textOf(value)) : textOf(value);
    });
  },
  dict: (...pairs) => {
    const made: Record<string, unknown> = Object.create(null);
    for (let at = 0; at + 1 < pairs.length; at += 2) made[String(pairs[at])] = pairs[at + 1];
    return made;
  },
  list: (...values) => values,
  default: (fallback, value) => (isTrue(value) ? value : fallback),
  add: (...values) => values.reduce<number>((sum, value) => sum + Number(value), 0),
  sub: (a, b) => Number(a) - Number(b),
  int: (value) => Math.trunc(Number(value)),
};
