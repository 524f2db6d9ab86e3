/** What Go's decoder says of a text that is no JSON; clients show it. Source: Go encoding/json scanner.go, its messages. */

const END = 'unexpected end of JSON input';
const ESCAPES = '"\\/bfnrt';
const DEPTH_MAX = 10_000;

/** undefined: the text is JSON. Throws nothing; the first fault from the left is told. */
export function jsonFault(text: string): string | undefined {
  const scanner = new FaultScanner(text);
  try {
    scanner.document();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

class Fault extends Error {}

class FaultScanner {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#value();
    if (this.#peek() !== '') this.#fail('after top-level value');
  }

  #value(): void {
    if (++this.#depth > DEPTH_MAX) throw new Fault('exceeded max depth');
    const first = this.#peek();
    if (first === '') throw new Fault(END);
    if (first === '{') this.#object();
    else if (first === '[') this.#array();
    else if (first === '"') this.#string();
    else if (first === '-' || isDigit(first)) this.#number();
    else if (first === 't') this.#literal('true');
    else if (first === 'f') this.#literal('false');
    else if (first === 'n') this.#literal('null');
    else this.#fail('looking for beginning of value');
    this.#depth--;
  }

  #object(): void {
    this.#at++;
    if (this.#take('}')) return;
    do {
      if (this.#next() !== '"') this.#fail('looking for beginning of object key string');
      this.#string();
      if (!this.#take(':')) this.#failOrEnd('after object key');
      this.#value();
    } while (this.#take(','));
    if (!this.#take('}')) this.#failOrEnd('after object key:value pair');
  }

  #array(): void {
    this.#at++;
    if (this.#take(']')) return;
    do this.#value();
    while (this.#take(','));
    if (!this.#take(']')) this.#failOrEnd('after array element');
  }

  #string(): void {
    for (this.#at++; ; this.#at++) {
      const character = this.#character();
      if (character === '"') break;
      if (character < ' ') this.#fail('in string literal');
      if (character === '\\') this.#escape();
    }
    this.#at++;
  }

  #escape(): void {
    this.#at++;
    const character = this.#character();
    if (character !== 'u') {
      if (!ESCAPES.includes(character)) this.#fail('in string escape code');
      return;
    }
    for (let i = 0; i < 4; i++) {
      this.#at++;
      if (!/[0-9a-fA-F]/.test(this.#character())) this.#fail('in \\u hexadecimal character escape');
    }
  }

  #number(): void {
    if (this.#text.charAt(this.#at) === '-') this.#at++;
    if (this.#text.charAt(this.#at) === '0') this.#at++;
    else this.#digits('in numeric literal');
    if (this.#text.charAt(this.#at) === '.') {
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if (!/[eE]/.test(this.#text.charAt(this.#at))) return;
    this.#at++;
    if (/[+-]/.test(this.#text.charAt(this.#at))) this.#at++;
    this.#digits('in exponent of numeric literal');
  }

  #digits(where: string): void {
    if (!isDigit(this.#character())) this.#fail(where);
    while (isDigit(this.#text.charAt(this.#at))) this.#at++;
  }

  #literal(word: string): void {
    for (const expected of word) {
      if (this.#character() !== expected) this.#fail(`in literal ${word} (expecting '${expected}')`);
      this.#at++;
    }
  }

  /** Throws at the end of the text. */
  #character(): string {
    const character = this.#text.charAt(this.#at);
    if (character === '') throw new Fault(END);
    return character;
  }

  /** The next character that is no space; '' at the end. */
  #peek(): string {
    while (/[ \t\r\n]/.test(this.#text.charAt(this.#at))) this.#at++;
    return this.#text.charAt(this.#at);
  }

  #next(): string {
    this.#peek();
    return this.#character();
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #failOrEnd(where: string): never {
    this.#next();
    return this.#fail(where);
  }

  #fail(where: string): never {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    const shown = character === "'" ? "\\'" : character === '"' ? '"' : JSON.stringify(character).slice(1, -1);
    throw new Fault(`invalid character '${shown}' ${where}`);
  }
}

const isDigit = (character: string): boolean => character >= '0' && character <= '9';
