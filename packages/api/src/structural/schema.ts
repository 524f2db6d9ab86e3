/** The schema language of custom resources: OpenAPI v3 as CustomResourceDefinitions write it. Source: apiextensions/v1 JSONSchemaProps. */
import type { JSONSchemaProps } from '../gen/types/apiextensions-v1.gen.ts';

export type JsonSchema = JSONSchemaProps;
export type PlainObject = Record<string, unknown>;

/** Fields of every object that the API itself defines: a schema says nothing of them that counts. */
export const META_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The schema of a declared property; user keys such as `constructor` are no properties. */
export function propertyOf(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  const { properties } = schema ?? {};
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** The schema of values that are no declared property; undefined where none is given or only `true`. */
export function valuesOf(schema: JsonSchema | undefined): JsonSchema | undefined {
  const additional = schema?.additionalProperties;
  return isPlainObject(additional) ? (additional as JsonSchema) : undefined;
}

/** The schema of list items. A list of schemas, one per position, is not structural and counts as none. */
export function itemsOf(schema: JsonSchema | undefined): JsonSchema | undefined {
  const items = schema?.items;
  return items === undefined || Array.isArray(items) ? undefined : (items as JsonSchema);
}

/** Calls back for the schema and everything declared within it, parents first. */
export function eachSchema(schema: JsonSchema, visit: (schema: JsonSchema) => void): void {
  visit(schema);
  for (const child of Object.values(schema.properties ?? {})) eachSchema(child, visit);
  const inner = [valuesOf(schema), itemsOf(schema)];
  for (const child of inner) if (child !== undefined) eachSchema(child, visit);
}
