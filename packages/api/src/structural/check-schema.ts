/**
 * Whether a schema is structural and says nothing that Kubernetes does not take.
 * Source: apiextensions-apiserver pkg/apiserver/schema/validation.go, pkg/apis/apiextensions/validation/validation.go.
 */
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { RE2JS } from 're2js';
import { checkListType, checkMapType } from './check-list-map.ts';
import { isPlainObject, itemsOf, type JsonSchema, META_FIELDS, propertyOf, valuesOf } from './schema.ts';
import { compileSchema, UNCORRELATED } from './validate.ts';
import { pruneObject } from './prune.ts';

type Level = 'root' | 'field' | 'item';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const UNSUPPORTED = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies'] as const;
const INT_OR_STRING = [{ type: 'integer' }, { type: 'string' }];

/** Adds one error per broken rule. `path`: of the schema, `spec.versions[0].schema.openAPIV3Schema`. */
export function checkStructuralSchema(schema: JsonSchema, path: string, errors: FieldErrors): void {
  checkLevel(schema, 'root', false, path, errors);
}

/** `inMeta`: of kind, apiVersion and metadata of an embedded resource, whose defaults are cut to what ObjectMeta has. */
function checkLevel(schema: JsonSchema, level: Level, inMeta: boolean, path: string, errors: FieldErrors): void {
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  checkWords(schema, path, errors);
  checkType(schema, level, path, errors);
  checkExtensions(schema, path, errors);
  checkEmbedded(schema, level, path, errors);
  checkListType(schema, path, errors);
  checkMapType(schema, path, errors);
  checkDefault(schema, inMeta && !isEmbedded, path, errors);
  checkLogic(schema, path, errors);
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const below = isEmbedded ? META_FIELDS.has(name) : inMeta;
    checkLevel(child, 'field', below, `${path}.properties[${name}]`, errors);
  }
  const values = valuesOf(schema);
  if (values !== undefined) checkLevel(values, 'field', inMeta && !isEmbedded, `${path}.additionalProperties`, errors);
  const items = itemsOf(schema);
  if (items !== undefined) checkLevel(items, 'item', inMeta && !isEmbedded, `${path}.items`, errors);
}

function checkWords(schema: JsonSchema, path: string, errors: FieldErrors): void {
  const { type, $ref, items, pattern, uniqueItems, additionalProperties, properties } = schema;
  if (type === 'null') errors.forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative');
  if (type !== undefined && type !== '' && !TYPES.includes(type)) errors.notSupported(`${path}.type`, type, TYPES);
  for (const word of UNSUPPORTED) {
    if (schema[word] !== undefined) errors.forbidden(`${path}.${word}`, `${word} is not supported`);
  }
  if ($ref !== undefined) errors.forbidden(`${path}.$ref`, '$ref is not supported');
  if (Array.isArray(items)) errors.forbidden(`${path}.items`, 'items must be a schema object and not an array');
  if (uniqueItems === true) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.forbidden(`${path}.uniqueItems`, why);
  }
  if (pattern !== undefined) checkPattern(pattern, `${path}.pattern`, errors);
  if (
    Object.keys(properties ?? {}).length > 0 &&
    (additionalProperties === false || isPlainObject(additionalProperties))
  ) {
    errors.forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive');
  }
}

function checkPattern(pattern: string, path: string, errors: FieldErrors): void {
  try {
    RE2JS.compile(pattern);
  } catch (error) {
    errors.invalid(path, pattern, `must be a valid regular expression, but isn't: ${(error as Error).message}`);
  }
}

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function checkType(schema: JsonSchema, level: Level, path: string, errors: FieldErrors): void {
  const { type = '' } = schema;
  if (type === 'array' && schema.items === undefined) errors.required(`${path}.items`, 'must be specified');
  const mayBeEmpty = schema['x-kubernetes-int-or-string'] === true || keepsUnknown(schema);
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  if (type === '' && !mayBeEmpty && !isEmbedded) errors.required(`${path}.type`, EMPTY_TYPE[level]);
  if (level === 'root' && type !== '' && type !== 'object') {
    errors.invalid(`${path}.type`, type, 'must be object at the root');
  }
  if (level === 'root' && schema.additionalProperties !== undefined) {
    errors.forbidden(`${path}.additionalProperties`, 'must not be used at the root');
  }
}

const keepsUnknown = (schema: JsonSchema) => schema['x-kubernetes-preserve-unknown-fields'] === true;

function checkExtensions(schema: JsonSchema, path: string, errors: FieldErrors): void {
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'];
  if (isOpen === false) {
    errors.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined');
  }
  if (schema['x-kubernetes-int-or-string'] !== true) return;
  const why = 'must be false if x-kubernetes-int-or-string is true';
  if (isOpen === true) errors.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, true, why);
  if (schema['x-kubernetes-embedded-resource'] === true)
    errors.invalid(`${path}.x-kubernetes-embedded-resource`, true, why);
}

function checkEmbedded(schema: JsonSchema, level: Level, path: string, errors: FieldErrors): void {
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  if (isEmbedded) checkEmbeddedType(schema, path, errors);
  if (!isEmbedded && level !== 'root') return;
  for (const name of ['kind', 'apiVersion']) {
    const type = propertyOf(schema, name)?.type;
    if (propertyOf(schema, name) !== undefined && type !== 'string') {
      errors.invalid(`${path}.properties[${name}].type`, type ?? '', 'must be string');
    }
  }
  const metadata = propertyOf(schema, 'metadata');
  if (metadata === undefined) return;
  if (metadata.type !== 'object')
    errors.invalid(`${path}.properties[metadata].type`, metadata.type ?? '', 'must be object');
  if (level === 'root') checkMetadata(metadata, `${path}.properties[metadata]`, errors);
}

function checkEmbeddedType(schema: JsonSchema, path: string, errors: FieldErrors): void {
  const why = 'must be object if x-kubernetes-embedded-resource is true';
  if ((schema.type ?? '') === '') errors.required(`${path}.type`, why);
  else if (schema.type !== 'object') errors.invalid(`${path}.type`, schema.type, why);
  if (schema.additionalProperties !== undefined) {
    errors.forbidden(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set');
  }
  if (!keepsUnknown(schema) && Object.keys(schema.properties ?? {}).length === 0) {
    const what =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.required(`${path}.properties`, what);
  }
}

/** Of the root's metadata a schema may say something of the name only. */
function checkMetadata(metadata: JsonSchema, path: string, errors: FieldErrors): void {
  const { type: _type, default: _default, properties = {}, ...rest } = metadata;
  const others = Object.keys(properties).filter((name) => name !== 'name' && name !== 'generateName');
  if (others.length === 0 && jsonEqual(rest, {})) return;
  const why = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
  errors.forbidden(path, why);
}

function checkDefault(schema: JsonSchema, inMeta: boolean, path: string, errors: FieldErrors): void {
  const { default: value } = schema;
  if (value === undefined) return;
  const at = `${path}.default`;
  compileSchema(schema)(value, at, errors, UNCORRELATED);
  if (!isPlainObject(value) || inMeta || schema['x-kubernetes-embedded-resource'] === true) return;
  const { unknown } = pruneObject({ value }, { type: 'object', properties: { value: schema } });
  if (unknown.length > 0) errors.invalid(at, value, 'must not have unknown fields');
}

/** What is below allOf, anyOf, oneOf and not checks values only: shape belongs above. */
function checkLogic(schema: JsonSchema, path: string, errors: FieldErrors): void {
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  const isIntOrString = schema['x-kubernetes-int-or-string'] === true;
  if (!(isIntOrString && jsonEqual(anyOf, INT_OR_STRING))) each(anyOf, `${path}.anyOf`, errors);
  each(oneOf, `${path}.oneOf`, errors);
  const isAllowed = isIntOrString && jsonEqual(allOf[0]?.anyOf, INT_OR_STRING);
  allOf.forEach((part, i) => {
    if (!(i === 0 && isAllowed)) checkNested(part, `${path}.allOf[${i}]`, errors);
  });
  if (not !== undefined) checkNested(not, `${path}.not`, errors);
}

function each(parts: readonly JsonSchema[], path: string, errors: FieldErrors): void {
  parts.forEach((part, i) => {
    checkNested(part, `${path}[${i}]`, errors);
  });
}

const SHAPE: readonly (readonly [word: keyof JsonSchema, must: string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

function checkNested(schema: JsonSchema, path: string, errors: FieldErrors): void {
  for (const [word, must] of SHAPE) {
    const value = schema[word];
    if (value !== undefined && value !== '' && value !== false) errors.forbidden(`${path}.${word}`, must);
  }
  if (schema.pattern !== undefined) checkPattern(schema.pattern, `${path}.pattern`, errors);
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    checkNested(child, `${path}.properties[${name}]`, errors);
  const items = itemsOf(schema);
  if (items !== undefined) checkNested(items, `${path}.items`, errors);
  checkLogic(schema, path, errors);
}
