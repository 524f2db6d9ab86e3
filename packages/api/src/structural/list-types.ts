/** Items of sets and of lists by key may stand there once. Source: apiextensions-apiserver pkg/apiserver/schema/listtype. */
import { type FieldErrors, sortKeys, stringifyExactJson } from '@kapella/base';
import { isPlainObject, itemsOf, type JsonSchema, propertyOf, valuesOf } from './schema.ts';

/** Adds one error per item that repeats an earlier one. Linear in the size of the value. */
export function checkListTypes(
  value: unknown,
  schema: JsonSchema | undefined,
  path: string,
  errors: FieldErrors,
): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    checkUnique(value, schema, path, errors);
    const items = itemsOf(schema);
    value.forEach((item, i) => {
      checkListTypes(item, items, `${path}[${i}]`, errors);
    });
    return;
  }
  if (!isPlainObject(value)) return;
  const values = valuesOf(schema);
  for (const [name, child] of Object.entries(value)) {
    const property = propertyOf(schema, name);
    const at = property === undefined ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
    checkListTypes(child, property ?? values, at, errors);
  }
}

function checkUnique(list: readonly unknown[], schema: JsonSchema, path: string, errors: FieldErrors): void {
  const listType = schema['x-kubernetes-list-type'];
  if (listType !== 'set' && listType !== 'map') return;
  const keys = listType === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : undefined;
  const seen = new Set<string>();
  list.forEach((item, i) => {
    const identity = keys === undefined ? item : keyOf(item, keys);
    const text = canonical(identity);
    if (seen.has(text)) errors.duplicate(`${path}[${i}]`, identity);
    seen.add(text);
  });
}

function keyOf(item: unknown, keys: readonly string[]): Record<string, unknown> {
  const fields = isPlainObject(item) ? item : {};
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(fields, key)).map((key) => [key, fields[key]]));
}

/** JSON with sorted keys: equal values, equal texts. */
function canonical(value: unknown): string {
  return stringifyExactJson(sortKeys(value));
}
