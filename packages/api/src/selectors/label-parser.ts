/** Reads `a=b,c!=d,e in (x,y),!f,g>1`. Source: apimachinery/pkg/labels/selector.go, Lexer and Parser. */
import { validateQualifiedName } from '../names/index.ts';
import {
  BINARY_OPERATORS,
  createRequirement,
  type Requirement,
  SelectorError,
  type SelectorOperator,
} from './requirement.ts';

type TokenKind = 'end' | 'identifier' | ')' | ',' | '!' | '==' | '=' | '>' | 'in' | '<' | '!=' | 'notin' | '(';

interface Token {
  readonly kind: TokenKind;
  readonly literal: string;
}

const OPERATORS: ReadonlyMap<TokenKind, SelectorOperator> = new Map<TokenKind, SelectorOperator>([
  ['in', 'in'],
  ['notin', 'notin'],
  ['=', '='],
  ['==', '=='],
  ['!=', '!='],
  ['>', 'gt'],
  ['<', 'lt'],
]);

/** Throws SelectorError with upstream's wording. In the order of the text. */
export function parseRequirements(text: string): Requirement[] {
  return new Parser(tokenize(text)).parse();
}

const END: Token = { kind: 'end', literal: '' };
// White space, an operator or delimiter, or a word; a NUL ends the text, or a word, with which it is dropped.
const TOKEN = /[ \t\r\n]+|([!=]=|[=!(),><])|([^=!(),>< \t\r\n\0]+)\0?/gy;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const [, special, word] of text.matchAll(TOKEN)) {
    if (special !== undefined) tokens.push({ kind: special as TokenKind, literal: special });
    else if (word === 'in' || word === 'notin') tokens.push({ kind: word, literal: word });
    else if (word !== undefined) tokens.push({ kind: 'identifier', literal: word });
  }
  tokens.push(END);
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    for (;;) {
      const first = this.#peek();
      if (first.kind === 'end') return requirements;
      if (first.kind !== 'identifier' && first.kind !== '!') {
        throw new SelectorError(`found '${first.literal}', expected: !, identifier, or 'end of string'`);
      }
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next.kind === 'end') return requirements;
      if (next.kind !== ',') throw new SelectorError(`found '${next.literal}', expected: ',' or 'end of string'`);
      const after = this.#peek();
      if (after.kind !== 'identifier' && after.kind !== '!') {
        throw new SelectorError(`found '${after.literal}', expected: identifier after ','`);
      }
    }
  }

  #requirement(): Requirement {
    try {
      const { key, operator } = this.#keyAndOperator();
      if (operator === 'exists' || operator === '!') return createRequirement(key, operator, []);
      const chosen = this.#operator();
      const values = chosen === 'in' || chosen === 'notin' ? this.#values() : this.#exactValue();
      return createRequirement(key, chosen, [...new Set(values)].sort());
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error;
      throw new SelectorError(`unable to parse requirement: ${error.message}`);
    }
  }

  #keyAndOperator(): { key: string; operator: SelectorOperator | undefined } {
    let token = this.#take();
    const negated = token.kind === '!';
    if (negated) token = this.#take();
    if (token.kind !== 'identifier') throw new SelectorError(`found '${token.literal}', expected: identifier`);
    const wrong = validateQualifiedName(token.literal);
    if (wrong.length > 0) {
      // Upstream prints the path it was not given.
      throw new SelectorError(`<nil>: Invalid value: ${JSON.stringify(token.literal)}: ${wrong.join('; ')}`);
    }
    const next = this.#peek().kind;
    if (negated) return { key: token.literal, operator: '!' };
    return { key: token.literal, operator: next === 'end' || next === ',' ? 'exists' : undefined };
  }

  #operator(): SelectorOperator {
    const token = this.#tokens[this.#position++] ?? END;
    const operator = OPERATORS.get(token.kind);
    if (operator !== undefined) return operator;
    throw new SelectorError(`found '${token.literal}', expected: ${BINARY_OPERATORS.join(', ')}`);
  }

  /** `(x,y)`; `()` is the empty value. */
  #values(): string[] {
    const open = this.#take();
    if (open.kind !== '(') throw new SelectorError(`found '${open.literal}' expected: '('`);
    const first = this.#peek();
    if (first.kind === ')') {
      this.#take();
      return [''];
    }
    if (first.kind !== 'identifier' && first.kind !== ',') {
      throw new SelectorError(`found '${first.literal}', expected: ',', ')' or identifier`);
    }
    const values = this.#identifiers();
    if (this.#take().kind !== ')') throw new SelectorError(`found '${first.literal}', expected: ')'`);
    return values;
  }

  /** Up to the closing parenthesis; between two commas stands the empty value. */
  #identifiers(): string[] {
    const values: string[] = [];
    do {
      const token = this.#take();
      const next = this.#peek();
      if (token.kind === 'identifier') {
        values.push(token.literal);
        if (next.kind !== ')' && next.kind !== ',') {
          throw new SelectorError(`found '${next.literal}', expected: ',' or ')'`);
        }
      } else if (token.kind === ',') {
        if (values.length === 0 || next.kind === ',' || next.kind === ')') values.push('');
      } else throw new SelectorError(`found '${token.literal}', expected: ',', or identifier`);
    } while (this.#peek().kind !== ')');
    return values;
  }

  #exactValue(): string[] {
    const next = this.#peek().kind;
    if (next === 'end' || next === ',') return [''];
    const token = this.#take();
    if (token.kind === 'identifier') return [token.literal];
    throw new SelectorError(`found '${token.literal}', expected: identifier`);
  }

  /** Where a key or value is expected, `in` and `notin` are ordinary words. */
  #peek(): Token {
    const token = this.#tokens[this.#position] ?? END;
    return token.kind === 'in' || token.kind === 'notin' ? { kind: 'identifier', literal: token.literal } : token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#position++;
    return token;
  }
}
