/** The type of values that a structural schema describes. Source: apiserver/pkg/cel/common/schemas.go, pkg/cel/escaping.go. */
import { itemsOf, type JsonSchema, valuesOf } from '@kapella/api';
import {
  BOOL,
  BYTES,
  type CelField,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  type ListIdentity,
  listOf,
  mapOf,
  STRING,
  TIMESTAMP,
} from './types.ts';

const META: CelField['type'] = {
  kind: 'object',
  name: 'ObjectMeta',
  fields: new Map([
    ['name', { type: STRING, key: 'name' }],
    ['generateName', { type: STRING, key: 'generateName' }],
  ]),
};

/** undefined: no expression can say anything of such a value (a schema without a type whose fields are unknown). */
export function typeOfSchema(schema: JsonSchema, name: string, isResource: boolean): CelType | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) return DYN;
  switch (schema.type ?? '') {
    case 'array': {
      const items = itemsOf(schema);
      const element = items === undefined ? undefined : typeOfSchema(items, `${name}.@idx`, isEmbedded(items));
      return element === undefined ? undefined : { ...listOf(element), ...identityOf(schema) };
    }
    case 'object':
      return typeOfObject(schema, name, isResource || isEmbedded(schema));
    case 'string':
      return typeOfString(schema.format ?? '');
    case 'boolean':
      return BOOL;
    case 'integer':
      return INT;
    case 'number':
      return DOUBLE;
    default:
      return schema['x-kubernetes-preserve-unknown-fields'] === true ? DYN : undefined;
  }
}

/** Sets and maps by key are compared and joined as such. Source: apiserver/pkg/cel/common/values.go. */
function identityOf(schema: JsonSchema): { readonly identity?: ListIdentity } {
  if (schema['x-kubernetes-list-type'] === 'set') return { identity: 'value' };
  const keys = schema['x-kubernetes-list-map-keys'];
  return schema['x-kubernetes-list-type'] === 'map' && keys !== undefined ? { identity: keys } : {};
}

const isEmbedded = (schema: JsonSchema) => schema['x-kubernetes-embedded-resource'] === true;

function typeOfObject(schema: JsonSchema, name: string, isResource: boolean): CelType | undefined {
  const values = valuesOf(schema);
  if (values !== undefined) {
    const value = typeOfSchema(values, `${name}.@elem`, isEmbedded(values));
    return value === undefined ? undefined : mapOf(STRING, value);
  }
  const fields = new Map<string, CelField>();
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeField(key);
    const type = typeOfSchema(property, `${name}.${key}`, false);
    if (escaped !== undefined && type !== undefined) fields.set(escaped, { type, key });
  }
  if (isResource) {
    fields.set('kind', { type: STRING, key: 'kind' });
    fields.set('apiVersion', { type: STRING, key: 'apiVersion' });
    fields.set('metadata', { type: META, key: 'metadata' });
  }
  return { kind: 'object', name, fields };
}

function typeOfString(format: string): CelType {
  switch (format) {
    case 'byte':
      return BYTES;
    case 'duration':
      return DURATION;
    case 'date':
    case 'date-time':
      return TIMESTAMP;
    default:
      return STRING;
  }
}

const RESERVED = new Set([
  ...['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import'],
  ...['let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'],
]);
const ESCAPES: readonly (readonly [RegExp, string])[] = [
  [/__/g, '__underscores__'],
  [/\./g, '__dot__'],
  [/-/g, '__dash__'],
  [/\//g, '__slash__'],
];

/** A field's name as expressions write it; undefined: it cannot be written. */
export function escapeField(key: string): string | undefined {
  if (RESERVED.has(key)) return `__${key}__`;
  const escaped = ESCAPES.reduce((text, [pattern, word]) => text.replace(pattern, word), key);
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}
