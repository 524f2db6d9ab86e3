/**
 * How large values of a structural schema can be, within one request.
 * Source: apiserver/pkg/cel/common/schemas.go and pkg/cel/limits.go.
 */
import { itemsOf, type JsonSchema, valuesOf } from '@kapella/api';
import { escapeField } from '../check/schema-type.ts';

export const REQUEST_BYTES_MAX = 3 * 1024 * 1024;
const DURATION_CHARS_MAX = 32;
const DATE_TIME_CHARS_MAX = 32;
const DATE_CHARS = 12;

/** What upstream calls the declaration of a type, as far as sizes go. */
export interface SizeNode {
  /** Characters of a string, items of a list, entries of a map; 0 for everything else. */
  readonly elementsMax: number;
  /** Bytes of the shortest JSON. */
  readonly bytesMin: number;
  readonly keys?: SizeNode;
  readonly elements?: SizeNode;
  readonly fields?: ReadonlyMap<string, SizeNode>;
}

const SHORT_STRING: SizeNode = { elementsMax: 0, bytesMin: 2 };
const BOOLEAN: SizeNode = { elementsMax: 0, bytesMin: 4 };
const NUMBER: SizeNode = { elementsMax: 0, bytesMin: 1 };
const LONG_STRING: SizeNode = { elementsMax: REQUEST_BYTES_MAX - 2, bytesMin: 2 };
const META: SizeNode = {
  elementsMax: 0,
  bytesMin: 2,
  fields: new Map([
    ['name', LONG_STRING],
    ['generateName', LONG_STRING],
  ]),
};

/** undefined: expressions cannot see such a value. */
export function sizesOf(schema: JsonSchema, isResource: boolean): SizeNode | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) {
    const elementsMax = schema.maxLength === undefined ? REQUEST_BYTES_MAX - 2 : charsMax(schema.maxLength);
    return { elementsMax, bytesMin: 1 };
  }
  switch (schema.type ?? '') {
    case 'array':
      return sizesOfList(schema);
    case 'object':
      return sizesOfObject(schema, isResource || isEmbedded(schema));
    case 'string':
      return sizesOfString(schema);
    case 'boolean':
      return BOOLEAN;
    case 'number':
    case 'integer':
      return NUMBER;
    default:
      return undefined;
  }
}

const isEmbedded = (schema: JsonSchema) => schema['x-kubernetes-embedded-resource'] === true;
/** A character may take four bytes. */
const charsMax = (length: number) => Math.max(0, length) * 4;

function sizesOfList(schema: JsonSchema): SizeNode | undefined {
  const items = itemsOf(schema);
  const elements = items === undefined ? undefined : sizesOf(items, isEmbedded(items));
  if (elements === undefined) return undefined;
  const fitting = Math.floor((REQUEST_BYTES_MAX - 2) / (elements.bytesMin + 1));
  return { elementsMax: Math.max(0, schema.maxItems ?? fitting), bytesMin: 2, elements };
}

function sizesOfObject(schema: JsonSchema, isResource: boolean): SizeNode | undefined {
  const values = valuesOf(schema);
  if (values !== undefined) {
    const elements = sizesOf(values, isEmbedded(values));
    if (elements === undefined) return undefined;
    const fitting = Math.floor((REQUEST_BYTES_MAX - 2) / (elements.bytesMin + 6));
    return { elementsMax: Math.max(0, schema.maxProperties ?? fitting), bytesMin: 2, keys: SHORT_STRING, elements };
  }
  const fields = new Map<string, SizeNode>();
  let bytesMin = 2;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const sizes = sizesOf(property, isEmbedded(property));
    if (sizes === undefined) continue;
    const escaped = escapeField(name);
    if (escaped !== undefined) fields.set(escaped, sizes);
    if (schema.required?.includes(name) === true && property.default === undefined) {
      bytesMin += name.length + sizes.bytesMin + 4;
    }
  }
  if (isResource) {
    fields.set('kind', LONG_STRING);
    fields.set('apiVersion', LONG_STRING);
    fields.set('metadata', META);
  }
  return { elementsMax: 0, bytesMin, fields };
}

function sizesOfString({ format = '', maxLength, enum: values }: JsonSchema): SizeNode {
  switch (format) {
    case 'byte':
      return { elementsMax: maxLength === undefined ? REQUEST_BYTES_MAX - 2 : Math.max(0, maxLength), bytesMin: 2 };
    case 'duration':
      return { elementsMax: DURATION_CHARS_MAX, bytesMin: 3 };
    case 'date':
      return { elementsMax: DATE_CHARS, bytesMin: DATE_CHARS };
    case 'date-time':
      return { elementsMax: DATE_TIME_CHARS_MAX, bytesMin: 21 };
    default:
      break;
  }
  if (maxLength !== undefined) return { elementsMax: charsMax(maxLength), bytesMin: 2 };
  if (values === undefined || values.length === 0) return LONG_STRING;
  const lengths = values.map((value) => (typeof value === 'string' ? value.length : 0));
  return { elementsMax: Math.max(...lengths), bytesMin: 2 };
}

/** `path` begins with the variable's name. undefined: nothing is known. */
export function sizeAt(root: SizeNode, path: readonly string[]): number | undefined {
  let node: SizeNode | undefined = root;
  for (const step of path.slice(1)) {
    if (step === '@items' || step === '@values') node = node.elements;
    else if (step === '@keys') node = node.keys;
    else node = node.fields?.get(step);
    if (node === undefined) return undefined;
  }
  return node.elementsMax;
}
