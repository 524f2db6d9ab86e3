/** Puts in the defaults of a schema. Source: apiextensions-apiserver pkg/apiserver/schema/defaulting. */
import {
  eachSchema,
  isPlainObject,
  itemsOf,
  type JsonSchema,
  META_FIELDS,
  type PlainObject,
  propertyOf,
  valuesOf,
} from './schema.ts';

export function hasDefaults(schema: JsonSchema): boolean {
  let found = false;
  eachSchema(schema, ({ default: value }) => {
    if (value !== undefined) found = true;
  });
  return found;
}

/**
 * The object with every absent field that has a default, and without nulls where the schema allows none but has a
 * default. The given object itself where nothing changes. Pure and idempotent.
 */
export function withSchemaDefaults(object: PlainObject, schema: JsonSchema): PlainObject {
  return fillMap(object, schema, true);
}

function fill(value: unknown, schema: JsonSchema | undefined): unknown {
  if (schema === undefined) return value;
  if (Array.isArray(value)) return fillList(value, itemsOf(schema));
  return isPlainObject(value) ? fillMap(value, schema, false) : value;
}

function fillList(list: readonly unknown[], items: JsonSchema | undefined): readonly unknown[] {
  if (items === undefined) return list;
  let changed = false;
  const next = list.map((item) => {
    const filled = fill(item, items);
    if (filled !== item) changed = true;
    return filled;
  });
  return changed ? next : list;
}

/** Of the root's metadata a schema says nothing that counts here; that of embedded resources may have defaults. */
function fillMap(map: PlainObject, schema: JsonSchema, isRoot: boolean): PlainObject {
  const values = valuesOf(schema);
  const complete = withAbsent(map, schema, isRoot);
  let next = complete;
  for (const [key, value] of Object.entries(complete)) {
    if (isRoot && META_FIELDS.has(key)) continue;
    const filled = fill(value, propertyOf(schema, key) ?? values);
    if (filled === value) continue;
    if (next === map) next = { ...map };
    next[key] = filled;
  }
  return next;
}

/** The map with the defaults of properties that are absent, or null where that is not allowed. */
function withAbsent(map: PlainObject, schema: JsonSchema, isRoot: boolean): PlainObject {
  let next = map;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined || (isRoot && META_FIELDS.has(key))) continue;
    if (Object.hasOwn(map, key) && (map[key] !== null || property.nullable === true)) continue;
    if (next === map) next = { ...map };
    next[key] = structuredClone(property.default);
  }
  return next;
}
