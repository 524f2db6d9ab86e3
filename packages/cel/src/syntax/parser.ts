/** Expressions to trees, macros included. Source: the CEL language definition; messages as cel-go's. */
import type { Entry, Issue, Literal, Node } from './ast.ts';
import { SyntaxIssue, type Token, tokenize } from './lexer.ts';
import { expandMacro } from './macros.ts';

const SIZE_MAX = 100_000;
const DEPTH_MAX = 250;

export type Parsed = { readonly node: Node; readonly issues?: never } | { readonly issues: readonly Issue[] };

export function parse(source: string): Parsed {
  try {
    if (source.length > SIZE_MAX)
      throw new SyntaxIssue(0, `expression code point size exceeds limit: size: ${source.length}, limit ${SIZE_MAX}`);
    return { node: new Parser(source).all() };
  } catch (error) {
    if (error instanceof SyntaxIssue) return { issues: [error.issue] };
    throw error;
  }
}

const RELATIONS = new Set(['<', '<=', '>', '>=', '==', '!=', 'in']);
const INT_MAX = 2n ** 63n - 1n;

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#tokens = tokenize(source);
  }

  all(): Node {
    const node = this.#expression();
    if (this.#peek().kind !== 'end') throw this.#unexpected();
    return node;
  }

  #expression(): Node {
    if (++this.#depth > DEPTH_MAX) throw new SyntaxIssue(this.#peek().at, 'expression recursion limit exceeded: 250');
    const condition = this.#or();
    this.#depth--;
    const at = this.#peek().at;
    if (!this.#take('?')) return condition;
    const yes = this.#or();
    this.#expect(':');
    return { kind: 'call', at, name: '_?_:_', target: undefined, args: [condition, yes, this.#expression()] };
  }

  #or(): Node {
    return this.#chain('||', '_||_', () => this.#chain('&&', '_&&_', () => this.#relation()));
  }

  #chain(operator: string, name: string, operand: () => Node): Node {
    let left = operand();
    for (let at = this.#peek().at; this.#take(operator); at = this.#peek().at) {
      left = { kind: 'call', at, name, target: undefined, args: [left, operand()] };
    }
    return left;
  }

  #relation(): Node {
    let left = this.#sum();
    for (;;) {
      const token = this.#peek();
      const text = token.kind === 'op' || token.kind === 'ident' ? token.text : '';
      if (!RELATIONS.has(text)) return left;
      this.#next++;
      const name = text === 'in' ? '@in' : `_${text}_`;
      left = { kind: 'call', at: token.at, name, target: undefined, args: [left, this.#sum()] };
    }
  }

  #sum(): Node {
    return this.#binary(['+', '-'], () => this.#binary(['*', '/', '%'], () => this.#unary()));
  }

  #binary(operators: readonly string[], operand: () => Node): Node {
    let left = operand();
    for (;;) {
      const token = this.#peek();
      if (token.kind !== 'op' || !operators.includes(token.text)) return left;
      this.#next++;
      left = { kind: 'call', at: token.at, name: `_${token.text}_`, target: undefined, args: [left, operand()] };
    }
  }

  #unary(): Node {
    const token = this.#peek();
    if (token.kind === 'op' && (token.text === '!' || token.text === '-')) {
      if (++this.#depth > DEPTH_MAX) throw new SyntaxIssue(token.at, 'expression recursion limit exceeded: 250');
      this.#next++;
      const negated = token.text === '-' ? this.#negativeLiteral(token.at) : undefined;
      const node: Node = negated ?? {
        kind: 'call',
        at: token.at,
        name: `${token.text}_`,
        target: undefined,
        args: [this.#unary()],
      };
      this.#depth--;
      return negated === undefined ? node : this.#members(node);
    }
    return this.#members(this.#primary());
  }

  #negativeLiteral(at: number): Node | undefined {
    const token = this.#peek();
    if (token.kind !== 'literal') return undefined;
    const { type, value } = token.literal;
    if (type !== 'int' && type !== 'double') return undefined;
    this.#next++;
    if (type === 'double') return { kind: 'literal', at, literal: { type, value: -value } };
    if (value > INT_MAX + 1n) throw new SyntaxIssue(at, 'Syntax error: invalid int literal');
    return { kind: 'literal', at, literal: { type, value: -value } };
  }

  #members(start: Node): Node {
    let node = start;
    for (;;) {
      const { at } = this.#peek();
      if (this.#take('.')) node = this.#member(node, at);
      else if (this.#take('[')) {
        const optional = this.#take('?');
        node = { kind: 'index', at, operand: node, key: this.#expression(), optional };
        this.#expect(']');
      } else if (this.#isOp('{') && this.#typeName(node) !== undefined) node = this.#struct(node, at);
      else return node;
    }
  }

  #member(operand: Node, dot: number): Node {
    const optional = this.#take('?');
    const { text, quoted } = this.#ident();
    const at = this.#peek().at;
    if (optional || quoted || !this.#take('(')) return { kind: 'select', at: dot, operand, field: text, optional };
    return this.#call(text, operand, this.#arguments(), at);
  }

  #call(name: string, target: Node | undefined, args: readonly Node[], at: number): Node {
    return expandMacro(name, target, args, at) ?? { kind: 'call', at, name, target, args };
  }

  #arguments(): Node[] {
    const args: Node[] = [];
    while (!this.#take(')')) {
      if (args.length > 0) this.#expect(',');
      args.push(this.#expression());
    }
    return args;
  }

  #primary(): Node {
    const token = this.#peek();
    if (token.kind === 'literal') {
      this.#next++;
      return { kind: 'literal', at: token.at, literal: checked(token.literal, token.at) };
    }
    if (token.kind === 'ident' && token.text !== 'in') return this.#identifier();
    if (this.#take('(')) {
      const node = this.#expression();
      this.#expect(')');
      return node;
    }
    if (this.#take('[')) return this.#list(token.at);
    if (this.#take('{')) return { kind: 'map', at: token.at, entries: this.#entries(() => this.#expression()) };
    if (this.#take('.')) return this.#identifier();
    throw this.#unexpected();
  }

  #identifier(): Node {
    const { at } = this.#peek();
    const { text } = this.#ident();
    const open = this.#peek().at;
    if (this.#take('(')) return this.#call(text, undefined, this.#arguments(), open);
    return { kind: 'ident', at, name: text };
  }

  #list(at: number): Node {
    const items: Node[] = [];
    const optional: boolean[] = [];
    while (!this.#take(']')) {
      if (items.length > 0) this.#expect(',');
      if (this.#take(']')) break;
      optional.push(this.#take('?'));
      items.push(this.#expression());
    }
    return { kind: 'list', at, items, optional };
  }

  #entries<K>(key: () => K): (Omit<Entry, 'key'> & { key: K })[] {
    const entries: (Omit<Entry, 'key'> & { key: K })[] = [];
    while (!this.#take('}')) {
      if (entries.length > 0) this.#expect(',');
      if (this.#take('}')) break;
      const optional = this.#take('?');
      const first = key();
      this.#expect(':');
      entries.push({ key: first, value: this.#expression(), optional });
    }
    return entries;
  }

  /** `Object{...}`, `a.b.Name{...}`: a type is named by identifiers alone. */
  #typeName(node: Node): string | undefined {
    if (node.kind === 'ident') return node.name;
    if (node.kind !== 'select' || node.optional) return undefined;
    const outer = this.#typeName(node.operand);
    return outer === undefined ? undefined : `${outer}.${node.field}`;
  }

  #struct(type: Node, at: number): Node {
    this.#expect('{');
    const fields = this.#entries(() => this.#ident().text);
    return {
      kind: 'struct',
      at,
      name: this.#typeName(type) ?? '',
      fields: fields.map(({ key, ...rest }) => ({ ...rest, name: key, key: rest.value })),
    };
  }

  #ident(): { readonly text: string; readonly quoted: boolean } {
    const token = this.#peek();
    if (token.kind !== 'ident') throw this.#unexpected();
    this.#next++;
    return token;
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #isOp(text: string): boolean {
    const token = this.#peek();
    return token.kind === 'op' && token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#isOp(text)) return false;
    this.#next++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw this.#unexpected(`'${text}'`);
  }

  #unexpected(wanted?: string): SyntaxIssue {
    const token = this.#peek();
    const shown = token.kind === 'end' ? '<EOF>' : token.kind === 'literal' ? String(token.literal.value) : token.text;
    const expecting =
      wanted ??
      "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
    return new SyntaxIssue(token.at, `Syntax error: mismatched input '${shown}' expecting ${expecting}`);
  }
}

function checked(literal: Literal, at: number): Literal {
  if (literal.type === 'int' && literal.value > INT_MAX) throw new SyntaxIssue(at, 'Syntax error: invalid int literal');
  return literal;
}
