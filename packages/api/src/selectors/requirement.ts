/** One requirement of a label selector. Source: apimachinery/pkg/labels/selector.go. */
import { validateLabelValue, validateQualifiedName } from '../names/index.ts';

export type SelectorOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'gt' | 'lt' | 'exists' | '!';
export type Labels = Readonly<Record<string, string>>;

export const BINARY_OPERATORS = ['in', 'notin', '=', '==', '!=', 'gt', 'lt'] as const;

/** The selector makes no sense. The message is upstream's. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

/** Immutable; made by `createRequirement`, or without checks by selectors of known-good parts. */
export class Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
  /** The only value, which is the common case; undefined otherwise. */
  readonly #value: string | undefined;

  constructor(key: string, operator: SelectorOperator, values: readonly string[]) {
    this.key = key;
    this.operator = operator;
    this.values = values;
    this.#value = values.length === 1 ? values[0] : undefined;
  }

  matches(labels: Labels): boolean {
    // Keys come from users: what a plain object inherits is never a string.
    const found: unknown = labels[this.key];
    const exists = typeof found === 'string';
    switch (this.operator) {
      case 'in':
      case '=':
      case '==':
        return exists && this.#has(found);
      case 'notin':
      case '!=':
        return !exists || !this.#has(found);
      case 'exists':
        return exists;
      case '!':
        return !exists;
      case 'gt':
      case 'lt':
        return exists && this.#compares(found);
    }
  }

  toString(): string {
    const { key, operator, values } = this;
    const sorted = values.length === 1 ? values[0] : [...values].sort().join(',');
    switch (operator) {
      case '!':
        return `!${key}`;
      case 'exists':
        return key;
      case 'in':
      case 'notin':
        return `${key} ${operator} (${sorted})`;
      case 'gt':
        return `${key}>${sorted}`;
      case 'lt':
        return `${key}<${sorted}`;
      default:
        return `${key}${operator}${sorted}`;
    }
  }

  #has(value: string): boolean {
    return this.#value === undefined ? this.values.includes(value) : this.#value === value;
  }

  #compares(label: string): boolean {
    const left = parseInt64(label);
    const right = parseInt64(this.values[0] ?? '');
    if (left === undefined || right === undefined) return false;
    return this.operator === 'gt' ? left > right : left < right;
  }
}

/** Throws SelectorError. */
export function createRequirement(
  key: string,
  operator: SelectorOperator | (string & {}),
  values: readonly string[],
): Requirement {
  const wrong: string[] = [];
  const keyProblems = validateQualifiedName(key);
  if (keyProblems.length > 0) wrong.push(`key: Invalid value: ${JSON.stringify(key)}: ${keyProblems.join('; ')}`);
  wrong.push(...operatorProblems(operator, values));
  for (const [i, value] of values.entries()) {
    const found = validateLabelValue(value);
    if (found.length > 0) {
      wrong.push(`values[${i}][${key}]: Invalid value: ${JSON.stringify(value)}: ${found.join('; ')}`);
    }
  }
  const texts = [...new Set(wrong)];
  if (texts.length > 0) throw new SelectorError(texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`);
  return new Requirement(key, operator as SelectorOperator, values);
}

function operatorProblems(operator: string, values: readonly string[]): string[] {
  const wrong = (detail: string) => [`values: Invalid value: ${JSON.stringify(values)}: ${detail}`];
  switch (operator) {
    case 'in':
    case 'notin':
      return values.length === 0 ? wrong("for 'in', 'notin' operators, values set can't be empty") : [];
    case '=':
    case '==':
    case '!=':
      return values.length === 1 ? [] : wrong('exact-match compatibility requires one single value');
    case 'exists':
    case '!':
      return values.length === 0 ? [] : wrong('values set must be empty for exists and does not exist');
    case 'gt':
    case 'lt': {
      const count = values.length === 1 ? [] : wrong("for 'Gt', 'Lt' operators, exactly one value is required");
      const numbers = values.flatMap((value, i) => {
        if (parseInt64(value) !== undefined) return [];
        const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
        return [`values[${i}]: Invalid value: ${JSON.stringify(value)}: ${detail}`];
      });
      return [...count, ...numbers];
    }
    default: {
      const valid = [...BINARY_OPERATORS, 'exists', '!'].map((name) => JSON.stringify(name)).join(', ');
      return [`operator: Unsupported value: ${JSON.stringify(operator)}: supported values: ${valid}`];
    }
  }
}

/** As strconv.ParseInt in base 10 and 64 bits; undefined when it is none. */
export function parseInt64(text: string): bigint | undefined {
  if (!/^[-+]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
