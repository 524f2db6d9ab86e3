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

interface Found {
  readonly unknown: string[];
  readonly keepsNulls: boolean;
}

/**
 * `apiVersion`, `kind` and `metadata` of the object and of embedded resources are always kept. `keepsNulls`: those of what was applied
 * stay, and are refused by the schema. Pure.
 */
export function pruneObject(object: PlainObject, schema: JsonSchema, keepsNulls = false): Pruned {
  const found: Found = { unknown: [], keepsNulls };
  const pruned = prune(object, schema, true, '', found);
  return { object: pruned as PlainObject, unknown: found.unknown };
}

function prune(value: unknown, schema: JsonSchema | undefined, isRoot: boolean, path: string, found: Found): unknown {
  if (Array.isArray(value)) return pruneList(value, schema, path, found);
  return isPlainObject(value) ? pruneMap(value, schema, isRoot, path, found) : value;
}

function pruneList(list: readonly unknown[], schema: JsonSchema | undefined, path: string, found: Found): unknown {
  const items = itemsOf(schema);
  if (items === undefined && keepsUnknown(schema)) return list;
  const embedded = items?.['x-kubernetes-embedded-resource'] === true;
  let changed = false;
  const next = list.map((item, i) => {
    const kept = prune(item, items, embedded, `${path}[${i}]`, found);
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
  found: Found,
): PlainObject {
  const open = keepsUnknown(schema) || schema?.additionalProperties === true;
  const values = valuesOf(schema);
  const next: PlainObject = Object.create(null);
  let changed = false;
  for (const [key, value] of Object.entries(map)) {
    const at = path === '' ? key : `${path}.${key}`;
    const property = propertyOf(schema, key) ?? values;
    if (isRoot && META_FIELDS.has(key)) next[key] = value;
    else if (property !== undefined) pruneInto(next, key, value, property, at, found);
    else if (open) next[key] = value;
    else found.unknown.push(at);
    if (next[key] !== value) changed = true;
  }
  return changed ? { ...next } : map;
}

function pruneInto(
  next: PlainObject,
  key: string,
  value: unknown,
  schema: JsonSchema,
  path: string,
  found: Found,
): void {
  if (value === null && !found.keepsNulls && isNeverNull(schema)) return;
  next[key] = prune(value, schema, schema['x-kubernetes-embedded-resource'] === true, path, found);
}

/** Such a null is as good as nothing; one with a default gives way to it later. Source: schema/defaulting/prunenulls.go. */
function isNeverNull(schema: JsonSchema): boolean {
  return schema.nullable !== true && schema.default === undefined;
}

function keepsUnknown(schema: JsonSchema | undefined): boolean {
  return schema?.['x-kubernetes-preserve-unknown-fields'] === true;
}
