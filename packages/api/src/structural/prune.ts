/** Drops what the schema does not declare, and nulls where it allows none. Source: apiextensions-apiserver pkg/apiserver/schema/pruning. */
import {
  isPlainObject,
  itemsOf,
  type JsonSchema,
  META_FIELDS,
  type PlainObject,
  propertyOf,
  valuesOf,
} from './schema.ts';

export interface Pruned {
  /** The given object itself where nothing was dropped. */
  readonly object: PlainObject;
  /** Paths of what was dropped: `spec.foo`, `spec.list[0].bar`. */
  readonly unknown: readonly string[];
}

function pruneInto(
  next: PlainObject,
  key: string,
  value: unknown,
  schema: JsonSchema,
  path: string,
  unknown: string[],
): void {
  if (value === null && isNeverNull(schema)) return;
  next[key] = prune(value, schema, schema['x-kubernetes-embedded-resource'] === true, path, unknown);
}

/** Such a null is as good as nothing; one with a default gives way to it later. Source: schema/defaulting/prunenulls.go. */
function isNeverNull(schema: JsonSchema): boolean {
  return schema.nullable !== true && schema.default === undefined;
}

/** `apiVersion`, `kind` and `metadata` of the object and of embedded resources are always kept. Pure. */
export function pruneObject(object: PlainObject, schema: JsonSchema): Pruned {
  const unknown: string[] = [];
  const pruned = prune(object, schema, true, '', unknown);
  return { object: pruned as PlainObject, unknown };
}

function prune(
  value: unknown,
  schema: JsonSchema | undefined,
  isRoot: boolean,
  path: string,
  unknown: string[],
): unknown {
  if (Array.isArray(value)) return pruneList(value, schema, path, unknown);
  return isPlainObject(value) ? pruneMap(value, schema, isRoot, path, unknown) : value;
}

function pruneList(list: readonly unknown[], schema: JsonSchema | undefined, path: string, unknown: string[]): unknown {
  const items = itemsOf(schema);
  if (items === undefined && keepsUnknown(schema)) return list;
  const embedded = items?.['x-kubernetes-embedded-resource'] === true;
  let changed = false;
  const next = list.map((item, i) => {
    const kept = prune(item, items, embedded, `${path}[${i}]`, unknown);
    if (kept !== item) changed = true;
    return kept;
  });
  return changed ? next : list;
}

function pruneMap(
  map: PlainObject,
  schema: JsonSchema | undefined,
  isRoot: boolean,
  path: string,
  unknown: string[],
): PlainObject {
  const open = keepsUnknown(schema) || schema?.additionalProperties === true;
  const values = valuesOf(schema);
  const next: PlainObject = Object.create(null);
  let changed = false;
  for (const [key, value] of Object.entries(map)) {
    const at = path === '' ? key : `${path}.${key}`;
    const property = propertyOf(schema, key) ?? values;
    if (isRoot && META_FIELDS.has(key)) next[key] = value;
    else if (property !== undefined) pruneInto(next, key, value, property, at, unknown);
    else if (open) next[key] = value;
    else unknown.push(at);
    if (next[key] !== value) changed = true;
  }
  return changed ? { ...next } : map;
}

function keepsUnknown(schema: JsonSchema | undefined): boolean {
  return schema?.['x-kubernetes-preserve-unknown-fields'] === true;
}
