/** Collects validation errors with upstream's wording. Source: apimachinery/pkg/util/validation/field/errors.go. */
import { ApiError, type StatusCause } from './api-error.ts';
import { stringifyExactJson } from './exact-json.ts';

export type FieldErrorType =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueDuplicate'
  | 'FieldValueNotFound'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError';

/** In place of a value that a message leaves out. */
export const UNSHOWN: unique symbol = Symbol('unshown');

export interface FieldError {
  readonly type: FieldErrorType;
  /** Go-style path: `spec.containers[0].name`, `metadata.labels[app]`. */
  readonly field: string;
  /** Without the field path, e.g. `Required value: must be set`. */
  readonly message: string;
}

/** Never throws: a validator adds one error per broken rule, so that the client sees all of them at once. */
export class FieldErrors {
  readonly list: FieldError[] = [];

  get any(): boolean {
    return this.list.length > 0;
  }

  required(field: string, detail = ''): void {
    this.#add('FieldValueRequired', field, 'Required value', detail);
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.#add('FieldValueInvalid', field, withValue('Invalid value', value), detail);
  }

  /** Of something that has no value of its own to show. */
  invalidWhole(field: string, detail: string): void {
    this.invalid(field, UNSHOWN, detail);
  }

  /** `valid` in the order to be shown: upstream sorts it. */
  notSupported(field: string, value: unknown, valid: readonly string[]): void {
    const list = valid.map((v) => JSON.stringify(v)).join(', ');
    const detail = valid.length === 0 ? '' : `supported values: ${list}`;
    this.#add('FieldValueNotSupported', field, `Unsupported value: ${formatValue(value)}`, detail);
  }

  forbidden(field: string, detail: string): void {
    this.#add('FieldValueForbidden', field, 'Forbidden', detail);
  }

  duplicate(field: string, value: unknown, detail = ''): void {
    this.#add('FieldValueDuplicate', field, withValue('Duplicate value', value), detail);
  }

  notFound(field: string, value: unknown): void {
    this.#add('FieldValueNotFound', field, `Not found: ${formatValue(value)}`, '');
  }

  tooLong(field: string, lengthMax: number): void {
    this.#add('FieldValueTooLong', field, 'Too long', `may not be more than ${lengthMax} bytes`);
  }

  tooMany(field: string, count: number, countMax: number): void {
    this.#add('FieldValueTooMany', field, `Too many: ${count}`, `must have at most ${countMax} items`);
  }

  typeInvalid(field: string, value: unknown, detail: string): void {
    this.#add('FieldValueTypeInvalid', field, `Invalid value: ${formatValue(value)}`, detail);
  }

  /** Adds an error when the value changed; deep comparison of plain JSON. */
  immutable(field: string, next: unknown, old: unknown, detail = 'field is immutable'): void {
    if (!jsonEqual(next, old)) this.invalid(field, next, detail);
  }

  #add(type: FieldErrorType, field: string, head: string, detail: string): void {
    this.list.push({ type, field, message: detail === '' ? head : `${head}: ${detail}` });
  }

  /** All in one text, equal ones once. */
  aggregate(): string {
    const texts = [...new Set(this.list.map((e) => `${e.field}: ${e.message}`))];
    return texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`;
  }

  /** The 422 that carries every error. `kind` is the Kind, e.g. `Deployment`. */
  toApiError(id: { readonly group: string; readonly kind: string; readonly name: string }): ApiError {
    const causes: StatusCause[] = this.list.map((e) => ({ reason: e.type, message: e.message, field: e.field }));
    const joined = this.aggregate();
    const kindName = id.group === '' ? id.kind : `${id.kind}.${id.group}`;
    return new ApiError('Invalid', `${kindName} ${JSON.stringify(id.name)} is invalid: ${joined}`, {
      details: {
        ...(id.name === '' ? {} : { name: id.name }),
        ...(id.group === '' ? {} : { group: id.group }),
        ...(id.kind === '' ? {} : { kind: id.kind }),
        causes,
      },
    });
  }
}

function withValue(what: string, value: unknown): string {
  return value === UNSHOWN ? what : `${what}: ${formatValue(value)}`;
}

/** Strings quoted, everything else as compact JSON; undefined as `null`. */
function formatValue(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  return stringifyExactJson(value);
}

/** Deep equality of plain JSON values; an undefined property equals an absent one. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => jsonEqual(item, b[i]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) if (!jsonEqual(left[key], right[key])) return false;
  for (const key in right) if (right[key] !== undefined && left[key] === undefined) return false;
  return true;
}
