/** Schemas of custom resources as OpenAPI v2 can say them. Source: apiextensions-apiserver pkg/controller/openapi. */
import { isPlainObject } from '../structural/schema.ts';
import type { Json, OpenApiVersion } from './schemas.ts';

/**
 * The schema as the document of this version has it; undefined: v2 says of the kind only that it is an object, because
 * clients refuse whatever a schema in v2 does not name.
 */
export function publishedSchema(schema: Json, version: OpenApiVersion): Json | undefined {
  if (version === 'v3') return schema;
  return schema[PRESERVE] === true ? undefined : inV2(schema);
}

const PRESERVE = 'x-kubernetes-preserve-unknown-fields';
/** What v2 has no words for, or says otherwise. */
const UNSAID: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'not', 'nullable', 'default']);

function inV2(schema: Json): Json {
  const isOpen = schema[PRESERVE] === true;
  const hidden = new Set<string>();
  if (schema['nullable'] === true || isOpen) for (const key of ['items', 'properties']) hidden.add(key);
  const hasItems = schema['items'] !== undefined && !hidden.has('items');
  const type = schema['type'];
  if (schema['nullable'] === true || (type === 'array' && !hasItems) || (isOpen && type === 'object'))
    hidden.add('type');
  const rows = Object.entries(schema).filter(([key]) => !UNSAID.has(key) && !hidden.has(key));
  const next = Object.fromEntries(rows.map(([key, value]) => [key, childrenInV2(key, value)]));
  const required = requiredOf(schema);
  if (required === undefined) delete next['required'];
  else next['required'] = required;
  return next;
}

function childrenInV2(key: string, value: unknown): unknown {
  if (key === 'properties' && isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, inV2(child as Json)]));
  }
  const isSchema = (key === 'items' || key === 'additionalProperties') && isPlainObject(value);
  return isSchema ? inV2(value as Json) : value;
}

/** Null counts as absent to v2's readers: what may be null is not required. */
function requiredOf(schema: Json): readonly string[] | undefined {
  const { properties = {}, additionalProperties } = schema as { properties?: Json; additionalProperties?: unknown };
  if (isPlainObject(additionalProperties) && additionalProperties['nullable'] === true) return undefined;
  const names = ((schema['required'] ?? []) as readonly string[]).filter(
    (name) => (properties[name] as Json | undefined)?.['nullable'] !== true,
  );
  return names.length === 0 ? undefined : names;
}
