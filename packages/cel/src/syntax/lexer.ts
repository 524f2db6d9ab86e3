/** Words of an expression. Source: the CEL language definition, syntax. */
import type { Issue, Literal } from './ast.ts';

export type Token = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly literal: Literal }
  | { readonly kind: 'ident'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'op'; readonly text: string }
  | { readonly kind: 'end' }
);

export class SyntaxIssue extends Error {
  readonly issue: Issue;

  constructor(at: number, message: string) {
    super(message);
    this.issue = { at, message };
  }
}

const SPACE = /(?:\s|\/\/[^\n]*)+/y;
const FLOAT = /(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)/y;
const INT = /(?:0[xX][0-9a-fA-F]+|\d+)([uU]?)/y;
const STRING =
  /([rRbB]{0,2})(?:"""([\s\S]*?)"""|'''([\s\S]*?)'''|"((?:\\[^\n]|[^"\\\n])*)"|'((?:\\[^\n]|[^'\\\n])*)')/y;
const RAW = /([rR][bB]?|[bB][rR])(?:"""([\s\S]*?)"""|'''([\s\S]*?)'''|"([^"\n]*)"|'([^'\n]*)')/y;
const IDENT = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const QUOTED = /`([-_a-zA-Z0-9./ ]+)`/y;
const OPERATOR = /&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()[\]{}]/y;
const KEYWORDS: ReadonlyMap<string, Literal> = new Map<string, Literal>([
  ['true', { type: 'bool', value: true }],
  ['false', { type: 'bool', value: false }],
  ['null', { type: 'null', value: null }],
]);
const encoder = new TextEncoder();

/** Throws SyntaxIssue. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source) ?? undefined;
  };
  while (at < source.length) {
    const space = match(SPACE);
    if (space !== undefined) {
      at += space[0].length;
      continue;
    }
    const [token, length] = next(source, at, match);
    tokens.push(token);
    at += length;
  }
  tokens.push({ kind: 'end', at });
  return tokens;
}

function next(source: string, at: number, match: (pattern: RegExp) => RegExpExecArray | undefined): [Token, number] {
  const raw = match(RAW);
  if (raw !== undefined)
    return [stringToken(raw[1] ?? '', raw[2] ?? raw[3] ?? raw[4] ?? raw[5] ?? '', at), raw[0].length];
  const text = match(STRING);
  if (text !== undefined) {
    const body = text[2] ?? text[3] ?? text[4] ?? text[5] ?? '';
    return [stringToken(text[1] ?? '', body, at), text[0].length];
  }
  const float = match(FLOAT);
  if (float !== undefined) {
    return [{ kind: 'literal', at, literal: { type: 'double', value: Number(float[0]) } }, float[0].length];
  }
  const int = match(INT);
  if (int !== undefined) return [intToken(int[0], int[1] !== '', at), int[0].length];
  const quoted = match(QUOTED);
  if (quoted !== undefined) return [{ kind: 'ident', at, text: quoted[1] ?? '', quoted: true }, quoted[0].length];
  const ident = match(IDENT);
  if (ident !== undefined) {
    const literal = KEYWORDS.get(ident[0]);
    const token: Token = literal
      ? { kind: 'literal', at, literal }
      : { kind: 'ident', at, text: ident[0], quoted: false };
    return [token, ident[0].length];
  }
  const operator = match(OPERATOR);
  if (operator !== undefined) return [{ kind: 'op', at, text: operator[0] }, operator[0].length];
  throw new SyntaxIssue(at, `Syntax error: token recognition error at: '${source[at]}'`);
}

function intToken(text: string, unsigned: boolean, at: number): Token {
  const value = BigInt(unsigned ? text.slice(0, -1) : text);
  // The negative of the least int is written with a minus before it: the parser checks ints.
  if (unsigned && value > 0xffff_ffff_ffff_ffffn) throw new SyntaxIssue(at, 'Syntax error: invalid uint literal');
  return { kind: 'literal', at, literal: { type: unsigned ? 'uint' : 'int', value } };
}

function stringToken(prefix: string, body: string, at: number): Token {
  const isBytes = /b/i.test(prefix);
  const isRaw = /r/i.test(prefix);
  if (!isBytes) {
    return { kind: 'literal', at, literal: { type: 'string', value: isRaw ? body : unescapeText(body, at) } };
  }
  return {
    kind: 'literal',
    at,
    literal: { type: 'bytes', value: isRaw ? encoder.encode(body) : unescapeBytes(body, at) },
  };
}

const ESCAPE =
  /\\(?:([abfnrtv\\'"`?])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))/g;
const SIMPLE: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unescapeText(body: string, at: number): string {
  if (!body.includes('\\')) return body;
  return body.replace(ESCAPE, (_all, simple?: string, hex?: string, u4?: string, u8?: string, octal?: string) => {
    if (simple !== undefined) return SIMPLE[simple] ?? simple;
    const code = octal === undefined ? Number.parseInt(hex ?? u4 ?? u8 ?? '', 16) : Number.parseInt(octal, 8);
    if (Number.isNaN(code) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      throw new SyntaxIssue(at, 'Syntax error: unable to unescape string');
    }
    return String.fromCodePoint(code);
  });
}

/** In bytes, \x and octal escapes are bytes and not characters. */
function unescapeBytes(body: string, at: number): Uint8Array {
  const parts: number[] = [];
  let last = 0;
  for (const match of body.matchAll(ESCAPE)) {
    parts.push(...encoder.encode(body.slice(last, match.index)));
    const [all, , hex, , , octal] = match;
    if (hex !== undefined) parts.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) parts.push(Number.parseInt(octal, 8));
    else parts.push(...encoder.encode(unescapeText(all, at)));
    last = match.index + all.length;
  }
  parts.push(...encoder.encode(body.slice(last)));
  return Uint8Array.from(parts);
}
