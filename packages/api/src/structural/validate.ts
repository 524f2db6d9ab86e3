/**
 * Checks values against a schema, with upstream's words. A schema is compiled once.
 * Source: kube-openapi pkg/validation/validate and errors/schema.go; ratcheting: apiextensions-apiserver pkg/apiserver/validation.
 */
import { type FieldErrors, jsonEqual, stringifyExactJson } from '@kapella/base';
import { RE2JS } from 're2js';
import { stringFormat } from './formats.ts';
import { isPlainObject, itemsOf, type JsonSchema, type PlainObject, propertyOf, valuesOf } from './schema.ts';

/** No counterpart in the old object: everything is checked. */
export const UNCORRELATED: unique symbol = Symbol('uncorrelated');

/** `old`: what stood there before; what did not change is not checked again. */
export type ValueCheck = (value: unknown, path: string, errors: FieldErrors, old: unknown) => void;

/** Field path of errors that concern no single field, as upstream prints an empty path. */
const NO_PATH = '<nil>';

export function compileSchema(schema: JsonSchema): ValueCheck {
  const checks = [
    typeCheck(schema),
    ...compositionChecks(schema),
    ...stringChecks(schema),
    ...numberChecks(schema),
    ...enumChecks(schema),
  ].filter((check) => check !== undefined);
  const list = listCheck(schema);
  const map = mapCheck(schema);
  return (value, path, errors, old) => {
    if (old !== UNCORRELATED && jsonEqual(value, old)) return;
    for (const check of checks) check(value, path, errors, old);
    if (Array.isArray(value)) list?.(value, path, errors, old);
    else if (isPlainObject(value)) map?.(value, path, errors, old);
  };
}

const shown = (path: string) => (path === '' ? NO_PATH : path);
const inBody = (path: string) => `${path} in body`;

function typeNameOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function typeCheck(schema: JsonSchema): ValueCheck | undefined {
  const wanted = schema['x-kubernetes-int-or-string'] === true ? ['integer', 'string'] : [schema.type ?? ''];
  if (wanted[0] === '') {
    return undefined;
  }
  const names = wanted.join(',');
  return (value, path, errors) => {
    const name = typeNameOf(value);
    if (name === 'null' && schema.nullable === true) return;
    if (wanted.includes(name) || (name === 'integer' && wanted.includes('number'))) return;
    errors.typeInvalid(shown(path), name, `${inBody(path)} must be of type ${names}: ${JSON.stringify(name)}`);
  };
}

function compositionChecks(schema: JsonSchema): ValueCheck[] {
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  const checks: ValueCheck[] = [];
  if (anyOf.length > 0) checks.push(anyOfCheck(anyOf.map(compileSchema)));
  if (oneOf.length > 0) checks.push(oneOfCheck(oneOf.map(compileSchema)));
  if (allOf.length > 0) checks.push(allOfCheck(allOf.map(compileSchema)));
  if (not !== undefined) {
    const forbidden = compileSchema(not);
    checks.push((value, path, errors) => {
      if (failuresOf(forbidden, value, path, errors).list.length > 0) return;
      errors.invalid(NO_PATH, '', `${JSON.stringify(path)} must not validate the schema (not)`);
    });
  }
  return checks;
}

/** What one alternative has against the value, apart from the errors that are told. */
function failuresOf(check: ValueCheck, value: unknown, path: string, like: FieldErrors): FieldErrors {
  const found = new (like.constructor as new () => FieldErrors)();
  check(value, path, found, UNCORRELATED);
  return found;
}

function anyOfCheck(alternatives: readonly ValueCheck[]): ValueCheck {
  return (value, path, errors) => {
    const failures = alternatives.map((check) => failuresOf(check, value, path, errors));
    if (failures.some(({ any }) => !any)) return;
    errors.invalid(NO_PATH, '', `${JSON.stringify(path)} must validate at least one schema (anyOf)`);
    addNearest(errors, failures);
  };
}

function oneOfCheck(alternatives: readonly ValueCheck[]): ValueCheck {
  return (value, path, errors) => {
    const failures = alternatives.map((check) => failuresOf(check, value, path, errors));
    const valid = failures.filter(({ any }) => !any).length;
    if (valid === 1) return;
    const why = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
    errors.invalid(NO_PATH, '', `${JSON.stringify(path)} must validate one and only one schema (oneOf). ${why}`);
    if (valid === 0) addNearest(errors, failures);
  };
}

function allOfCheck(parts: readonly ValueCheck[]): ValueCheck {
  return (value, path, errors) => {
    const failures = parts.map((check) => failuresOf(check, value, path, errors));
    const failed = failures.filter(({ any }) => any);
    if (failed.length === 0) return;
    for (const { list } of failed) errors.list.push(...list);
    const none = failed.length === parts.length ? '. None validated' : '';
    errors.invalid(NO_PATH, '', `${JSON.stringify(path)} must validate all the schemas (allOf)${none}`);
  };
}

/** The alternative that fails least says what is missing. */
function addNearest(errors: FieldErrors, failures: readonly FieldErrors[]): void {
  const nearest = failures.toSorted((a, b) => a.list.length - b.list.length)[0];
  if (nearest !== undefined) errors.list.push(...nearest.list);
}

function stringChecks(schema: JsonSchema): (ValueCheck | undefined)[] {
  const { maxLength, minLength, pattern, format } = schema;
  const compiled = pattern === undefined || pattern === '' ? undefined : RE2JS.compile(pattern);
  const isFormat = format === undefined ? undefined : stringFormat(format);
  const onString = (check: (text: string, path: string, errors: FieldErrors) => void): ValueCheck => {
    return (value, path, errors) => {
      if (typeof value === 'string') check(value, path, errors);
    };
  };
  return [
    maxLength === undefined
      ? undefined
      : onString((text, path, errors) => {
          if (lengthOf(text) > maxLength) errors.tooLong(shown(path), maxLength);
        }),
    minLength === undefined
      ? undefined
      : onString((text, path, errors) => {
          if (lengthOf(text) >= minLength) return;
          errors.invalid(shown(path), text, `${inBody(path)} should be at least ${minLength} chars long`);
        }),
    compiled === undefined
      ? undefined
      : onString((text, path, errors) => {
          if (compiled.matcher(text).find()) return;
          errors.invalid(shown(path), text, `${inBody(path)} should match '${pattern}'`);
        }),
    isFormat === undefined
      ? undefined
      : onString((text, path, errors) => {
          if (isFormat(text)) return;
          errors.typeInvalid(shown(path), text, `${inBody(path)} must be of type ${format}: ${JSON.stringify(text)}`);
        }),
  ];
}

/** In characters, not in UTF-16 units. */
function lengthOf(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function numberChecks(schema: JsonSchema): (ValueCheck | undefined)[] {
  const { maximum, exclusiveMaximum, minimum, exclusiveMinimum, multipleOf, format } = schema;
  const onNumber = (isBad: (value: number | bigint) => boolean, text: string): ValueCheck => {
    return (value, path, errors) => {
      if (isNumber(value) && isBad(value)) errors.invalid(shown(path), value, `${inBody(path)} ${text}`);
    };
  };
  return [
    maximum === undefined
      ? undefined
      : exclusiveMaximum === true
        ? onNumber((value) => value >= maximum, `should be less than ${maximum}`)
        : onNumber((value) => value > maximum, `should be less than or equal to ${maximum}`),
    minimum === undefined
      ? undefined
      : exclusiveMinimum === true
        ? onNumber((value) => value <= minimum, `should be greater than ${minimum}`)
        : onNumber((value) => value < minimum, `should be greater than or equal to ${minimum}`),
    multipleOf === undefined
      ? undefined
      : onNumber((value) => !isMultiple(value, multipleOf), `should be a multiple of ${multipleOf}`),
    format === 'int32' ? rangeCheck(-(2 ** 31), 2 ** 31 - 1, format) : undefined,
  ];
}

const isNumber = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';

function isMultiple(value: number | bigint, of: number): boolean {
  return typeof value === 'bigint' && Number.isInteger(of)
    ? value % BigInt(of) === 0n
    : Number.isInteger(Number(value) / of);
}

function rangeCheck(min: number, max: number, format: string): ValueCheck {
  return (value, path, errors) => {
    if (!isNumber(value) || (value >= min && value <= max)) return;
    errors.invalid(NO_PATH, '', `Checked value must be of type integer with format ${format} in ${path}`);
  };
}

function enumChecks({ enum: allowed, nullable }: JsonSchema): (ValueCheck | undefined)[] {
  if (allowed === undefined || allowed.length === 0) return [];
  const valid = allowed.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  return [
    (value, path, errors) => {
      if (value === null && nullable === true) return;
      if (!allowed.some((candidate) => jsonEqual(candidate, value))) errors.notSupported(shown(path), value, valid);
    },
  ];
}

type ListCheck = (list: readonly unknown[], path: string, errors: FieldErrors, old: unknown) => void;

function listCheck(schema: JsonSchema): ListCheck | undefined {
  const items = itemsOf(schema);
  const check = items === undefined ? undefined : compileSchema(items);
  const { maxItems, minItems } = schema;
  if (check === undefined && maxItems === undefined && minItems === undefined) return undefined;
  const counterpart = counterpartOf(schema);
  return (list, path, errors, old) => {
    if (maxItems !== undefined && list.length > maxItems) errors.tooMany(shown(path), list.length, maxItems);
    if (minItems !== undefined && list.length < minItems) {
      errors.invalid(shown(path), list.length, `${inBody(path)} should have at least ${minItems} items`);
    }
    if (check === undefined) return;
    const find = counterpart(old);
    list.forEach((item, i) => {
      check(item, `${path}[${i}]`, errors, find(item));
    });
  };
}

/** Only items of a list that is a map by keys have a counterpart. */
function counterpartOf(schema: JsonSchema): (old: unknown) => (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const none = () => UNCORRELATED;
  if (schema['x-kubernetes-list-type'] !== 'map' || keys.length === 0) return () => none;
  const keyOf = (item: unknown) =>
    stringifyExactJson(keys.map((key) => (isPlainObject(item) ? (item[key] ?? null) : null)));
  return (old) => {
    if (!Array.isArray(old)) return none;
    const byKey = new Map(old.map((item) => [keyOf(item), item]));
    return (item) => byKey.get(keyOf(item)) ?? UNCORRELATED;
  };
}

type MapCheck = (map: PlainObject, path: string, errors: FieldErrors, old: unknown) => void;

function mapCheck(schema: JsonSchema): MapCheck | undefined {
  const { properties, required = [], maxProperties, minProperties } = schema;
  const declared = new Map(Object.entries(properties ?? {}).map(([name, child]) => [name, compileSchema(child)]));
  const values = valuesOf(schema);
  const valueCheck = values === undefined ? undefined : compileSchema(values);
  const isClosed = schema.additionalProperties === false;
  const checkFields: MapCheck = (map, path, errors, old) => {
    const before = isPlainObject(old) ? old : undefined;
    for (const name of Object.keys(map)) {
      const at = fieldPath(path, name);
      const check = declared.get(name) ?? valueCheck;
      if (check !== undefined) check(map[name], at, errors, before === undefined ? UNCORRELATED : own(before, name));
      else if (isClosed) errors.invalid(shown(path), '', `${inBody(at)} is a forbidden property`);
    }
  };
  return (map, path, errors, old) => {
    checkCounts(Object.keys(map).length, path, errors, maxProperties, minProperties);
    for (const name of required) if (isMissing(map, name, schema)) errors.required(fieldPath(path, name));
    checkFields(map, path, errors, old);
  };
}

const fieldPath = (path: string, name: string) => (path === '' ? name : `${path}.${name}`);

function own(map: PlainObject, name: string): unknown {
  return Object.hasOwn(map, name) ? map[name] : UNCORRELATED;
}

/** A required field with a default is never missing. */
function isMissing(map: PlainObject, name: string, schema: JsonSchema): boolean {
  return !Object.hasOwn(map, name) && propertyOf(schema, name)?.default === undefined;
}

function checkCounts(count: number, path: string, errors: FieldErrors, max?: number, min?: number): void {
  if (max !== undefined && count > max) errors.tooMany(shown(path), count, max);
  if (min !== undefined && count < min) {
    errors.invalid(shown(path), count, `${inBody(path)} should have at least ${min} properties`);
  }
}
