/** Field selectors: `metadata.name=x,status.phase!=Running`. Source: apimachinery/pkg/fields/selector.go. */
import { SelectorError } from './requirement.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Compiled once, matched often. Immutable. */
export interface FieldSelector {
  /** All of them must hold. */
  readonly requirements: readonly FieldRequirement[];
  readonly isEmpty: boolean;
  /** `get` answers '' for a field that the object has not. */
  matches(get: (field: string) => string): boolean;
  /** The one value that the field must have; undefined when that is not settled. */
  exactMatch(field: string): string | undefined;
  /** Renames or checks each requirement; two empty strings drop it. What `change` throws goes through. */
  transform(change: (field: string, value: string) => readonly [field: string, value: string]): FieldSelector;
  /** Canonical query-string form. */
  toString(): string;
}

class Terms implements FieldSelector {
  readonly requirements: readonly FieldRequirement[];

  constructor(requirements: readonly FieldRequirement[]) {
    this.requirements = requirements;
  }

  get isEmpty(): boolean {
    return this.requirements.length === 0;
  }

  matches(get: (field: string) => string): boolean {
    for (const { field, operator, value } of this.requirements) {
      if ((get(field) === value) !== (operator === '=')) return false;
    }
    return true;
  }

  exactMatch(field: string): string | undefined {
    return this.requirements.find((term) => term.field === field && term.operator === '=')?.value;
  }

  transform(change: (field: string, value: string) => readonly [string, string]): FieldSelector {
    const next: FieldRequirement[] = [];
    for (const term of this.requirements) {
      const [field, value] = change(term.field, term.value);
      if (field !== '' || value !== '') next.push({ field, operator: term.operator, value });
    }
    return new Terms(next);
  }

  toString(): string {
    return this.requirements.map((term) => `${term.field}${term.operator}${escapeFieldValue(term.value)}`).join(',');
  }
}

export const everyField: FieldSelector = new Terms([]);

/** Throws SelectorError with upstream's wording. */
export function parseFieldSelector(text: string): FieldSelector {
  const terms: FieldRequirement[] = [];
  for (const part of splitTerms(text).sort()) {
    if (part === '') continue;
    const at = part.search(/!=|=/);
    if (at < 0) throw new SelectorError(`invalid selector: '${text}'; can't understand '${part}'`);
    const negated = part[at] === '!';
    const length = negated || part[at + 1] === '=' ? 2 : 1;
    const value = unescapeFieldValue(part.slice(at + length));
    // As upstream: a term without field and value says nothing.
    if (at > 0 || value !== '') terms.push({ field: part.slice(0, at), operator: negated ? '!=' : '=', value });
  }
  return new Terms(terms);
}

export function fieldSelectorOf(requirements: readonly FieldRequirement[]): FieldSelector {
  return new Terms(requirements);
}

/** So that the value is read back as it is. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, '\\$&');
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescapeFieldValue(text: string): string {
  return text.replace(/\\(.?)|[,=]/gsu, (found, escaped: string | undefined) => {
    if (escaped === undefined) {
      throw new SelectorError(`invalid field selector: unescaped character in value: ${found.charCodeAt(0)}`);
    }
    if (escaped !== '' && '\\,='.includes(escaped)) return escaped;
    throw new SelectorError(`invalid field selector: invalid escape sequence: \\${escaped}`);
  });
}
