/**
 * Resources within custom resources (`x-kubernetes-embedded-resource`): their kind, version and metadata are held to be such.
 * Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta.
 */
import type { FieldErrors } from '@kapella/base';
import type { ObjectMeta } from '../meta.ts';
import { nameIsPathSegment, validateDns1035Label, validateObjectMeta } from '../names/index.ts';
import type { Pruned } from './prune.ts';
import {
  eachSchema,
  isPlainObject,
  itemsOf,
  type JsonSchema,
  type PlainObject,
  propertyOf,
  valuesOf,
} from './schema.ts';

/** What the types of ObjectMeta make of a value. Throws Error for one that does not fit, in the words of Go's decoder. */
export type ReadMetadata = (metadata: unknown) => {
  readonly object: Readonly<Record<string, unknown>>;
  readonly unknown: readonly string[];
};

const isEmbedded = (schema: JsonSchema | undefined) => schema?.['x-kubernetes-embedded-resource'] === true;

export function hasEmbedded(schema: JsonSchema): boolean {
  let found = false;
  eachSchema(schema, (each) => {
    if (isEmbedded(each)) found = true;
  });
  return found;
}

/**
 * The metadata of every embedded resource with nothing but what ObjectMeta has. Pure. Throws Error with upstream's words for a kind or an
 * apiVersion that is no text and metadata that is none.
 */
export function coerceEmbedded(object: PlainObject, schema: JsonSchema, read: ReadMetadata): Pruned {
  const unknown: string[] = [];
  const coerced = eachEmbedded(object, schema, '', (resource, path) => coerceResource(resource, path, read, unknown));
  return { object: coerced as PlainObject, unknown };
}

/** Calls back for embedded resources, outer ones first; what it gives back takes their place. */
function eachEmbedded(
  value: unknown,
  schema: JsonSchema | undefined,
  path: string,
  visit: (resource: PlainObject, path: string) => PlainObject,
): unknown {
  if (schema === undefined || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    const next = value.map((item, i) => eachEmbedded(item, items, `${path}[${i}]`, visit));
    return next.some((item, i) => item !== value[i]) ? next : value;
  }
  const map = isEmbedded(schema) ? visit(value as PlainObject, path) : (value as PlainObject);
  let next = map;
  const values = valuesOf(schema);
  for (const [key, child] of Object.entries(map)) {
    const property = propertyOf(schema, key);
    const at = property === undefined ? `${path}[${key}]` : below(path, key);
    const visited = eachEmbedded(child, property ?? values, at, visit);
    if (visited === child) continue;
    if (next === map) next = { ...map };
    next[key] = visited;
  }
  return next;
}

const below = (path: string, key: string) => (path === '' ? key : `${path}.${key}`);

function coerceResource(resource: PlainObject, path: string, read: ReadMetadata, unknown: string[]): PlainObject {
  for (const name of ['apiVersion', 'kind']) {
    const value = resource[name];
    if (value === undefined || typeof value === 'string') continue;
    throw new Error(`${below(path, name)}: Invalid value: ${JSON.stringify(value)}: must be a string`);
  }
  const { metadata } = resource;
  if (metadata === undefined) return resource;
  const at = below(path, 'metadata');
  try {
    const { object, unknown: dropped } = read(metadata);
    unknown.push(...dropped.map((name) => `${at}.${name}`));
    return { ...resource, metadata: object };
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`${at}: Invalid value: ${JSON.stringify(metadata)}: ${why}`, { cause: error });
  }
}

/** Adds what is wrong with kind, version and metadata of embedded resources. */
export function checkEmbedded(object: PlainObject, schema: JsonSchema, errors: FieldErrors): void {
  eachEmbedded(object, schema, '', (resource, path) => {
    checkResource(resource, path, errors);
    return resource;
  });
}

function checkResource(resource: PlainObject, path: string, errors: FieldErrors): void {
  for (const name of ['apiVersion', 'kind']) if (resource[name] === undefined) errors.required(below(path, name), '');
  const { apiVersion, kind, metadata } = resource;
  if (apiVersion !== undefined) checkApiVersion(apiVersion, below(path, 'apiVersion'), errors);
  if (kind !== undefined) checkKind(kind, below(path, 'kind'), errors);
  if (!isPlainObject(metadata)) return;
  const { name = '', namespace = '' } = metadata as Partial<ObjectMeta>;
  const named = { ...metadata, name: name === '' ? 'none' : name } as Partial<ObjectMeta>;
  const rules = { namespaced: namespace !== '', validateName: nameIsPathSegment };
  validateObjectMeta(named, rules, errors, below(path, 'metadata'));
}

function checkApiVersion(value: unknown, path: string, errors: FieldErrors): void {
  if (typeof value !== 'string') errors.invalid(path, value, 'must be a string');
  else if (value === '') errors.invalid(path, value, 'must not be empty');
  else if (value !== '/' && value.split('/').length > 2) {
    errors.invalid(path, value, `unexpected GroupVersion string: ${value}`);
  }
}

function checkKind(value: unknown, path: string, errors: FieldErrors): void {
  if (typeof value !== 'string') errors.invalid(path, value, 'must be a string');
  else if (value === '') errors.invalid(path, value, 'must not be empty');
  else {
    const found = validateDns1035Label(value.toLowerCase());
    const why = `may have mixed case, but should otherwise match: ${found.join(',')}`;
    if (found.length > 0) errors.invalid(path, value, why);
  }
}
