/** The part of jq that Stages select with: paths, `[]`, indexes and `select(path == literal)`, joined by `|`. */

type Values = readonly unknown[];
/** A value in, any number out. */
export type JqPath = (value: unknown) => Values;

const TOKEN = /\s*(?:(\.)|([A-Za-z_][\w-]*)|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?)|(==|!=|[[\]()|]))/y;

/** Throws an Error that says what cannot be read. */
export function compileJq(text: string): JqPath {
  const tokens = tokenize(text);
  const parser = new Parser(tokens, text);
  const path = parser.pipe();
  parser.end();
  return path;
}

function tokenize(text: string): readonly string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null)
      throw new Error(`jq ${JSON.stringify(text)}: cannot read it from ${JSON.stringify(text.slice(at))}`);
    tokens.push(match.slice(1).find((group) => group !== undefined) as string);
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly string[];
  readonly #text: string;
  #at = 0;

  constructor(tokens: readonly string[], text: string) {
    this.#tokens = tokens;
    this.#text = text;
  }

  end(): void {
    if (this.#at < this.#tokens.length) this.#fail();
  }

  pipe(): JqPath {
    const steps = [this.#term()];
    while (this.#take('|')) steps.push(this.#term());
    return (value) => steps.reduce<Values>((values, step) => values.flatMap(step), [value]);
  }

  #term(): JqPath {
    if (this.#take('select')) {
      this.#expect('(');
      const holds = this.#condition();
      this.#expect(')');
      return (value) => (holds(value) ? [value] : []);
    }
    return this.#path();
  }

  #condition(): (value: unknown) => boolean {
    const left = this.#path();
    const operator = this.#next();
    if (operator !== '==' && operator !== '!=') this.#fail();
    const right = this.#literal();
    return (value) => left(value).some((found) => (found === right) === (operator === '=='));
  }

  #literal(): unknown {
    const token = this.#next();
    if (token === 'null') return null;
    if (token === 'true' || token === 'false') return token === 'true';
    if (token.startsWith('"')) return JSON.parse(token);
    if (/^-?\d/.test(token)) return Number(token);
    return this.#fail();
  }

  #path(): JqPath {
    const steps: JqPath[] = [];
    if (this.#peek() !== '.' && this.#peek() !== '[') this.#fail();
    for (;;) {
      if (this.#take('.')) {
        const name = this.#peek();
        if (name !== undefined && /^[A-Za-z_"]/.test(name)) steps.push(field(this.#name()));
        continue;
      }
      if (!this.#take('[')) break;
      if (this.#take(']')) {
        steps.push(each);
        continue;
      }
      steps.push(field(this.#literal()));
      this.#expect(']');
    }
    return (value) => steps.reduce<Values>((values, step) => values.flatMap(step), [value]);
  }

  #name(): string {
    const token = this.#next();
    return token.startsWith('"') ? (JSON.parse(token) as string) : token;
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    return token ?? this.#fail();
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) this.#fail();
  }

  #fail(): never {
    const near = this.#tokens[this.#at] ?? 'the end';
    throw new Error(`jq ${JSON.stringify(this.#text)}: not understood near ${near}; paths, [] and select() are`);
  }
}

const field =
  (name: unknown): JqPath =>
  (value) => {
    if (typeof value !== 'object' || value === null) return [null];
    if (Array.isArray(value)) return [typeof name === 'number' ? (value.at(name) ?? null) : null];
    const key = String(name);
    return [Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : null];
  };

const each: JqPath = (value) => {
  if (Array.isArray(value)) return value;
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
};
