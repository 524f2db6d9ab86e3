/** The type of a custom resource from its schema. Source: kube-openapi pkg/schemaconv/openapi.go. */
import { type ApplyType, DEDUCED_TYPE, type ListType, type MapType, type ScalarKind, scalarType } from './schema.ts';
import { isPlain } from './values.ts';

/** The parts of an apiextensions JSONSchemaProps that decide who can own what. */
export interface StructuralSchema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly additionalProperties?: boolean | StructuralSchema;
  readonly items?: StructuralSchema;
  readonly default?: unknown;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
}

/**
 * `metadata` is the type of ObjectMeta, `apiVersion` and `kind` are strings, whatever the schema says of them.
 * Without a schema use DEDUCED_TYPE.
 */
export function applyTypeOfStructuralSchema(schema: StructuralSchema, metadata: ApplyType): ApplyType {
  const root = convert(schema, { preserves: false, metadata });
  const { map } = root;
  if (map === undefined) return DEDUCED_TYPE;
  const own: ReadonlyMap<string, ApplyType> = new Map([
    ['apiVersion', scalarType('string')],
    ['kind', scalarType('string')],
    ['metadata', metadata],
  ]);
  // With those three declared it is never a schema without properties, in which all is allowed.
  const open = schema.additionalProperties !== undefined || schema['x-kubernetes-preserve-unknown-fields'] === true;
  return {
    ...root,
    map: {
      field: (name) => own.get(name) ?? map.field(name),
      values: open ? map.values : undefined,
      atomic: map.atomic,
      untyped: false,
    },
  };
}

interface Surroundings {
  /** Fields that a schema further up does not declare are kept. */
  readonly preserves: boolean;
  /** Type of ObjectMeta, for objects within objects. */
  readonly metadata: ApplyType;
}

function convert(schema: StructuralSchema, { preserves, metadata }: Surroundings): ApplyType {
  const keeps = { preserves: preserves || schema['x-kubernetes-preserve-unknown-fields'] === true, metadata };
  if (schema['x-kubernetes-int-or-string'] === true) return DEDUCED_TYPE;
  switch (schema.type ?? '') {
    case '':
      return { scalar: 'untyped', list: convertList(schema, keeps), map: convertMap(schema, keeps) };
    case 'object':
      return { map: convertMap(schema, keeps) };
    case 'array':
      return { list: convertList(schema, keeps) };
    case 'integer':
    case 'number':
      return scalarType('numeric');
    case 'boolean':
      return scalarType('boolean');
    default:
      return scalarType(stringKind(schema.format));
  }
}

function stringKind(format = ''): ScalarKind {
  return format === '' || format === 'byte' ? 'string' : 'untyped';
}

function convertMap(schema: StructuralSchema, around: Surroundings): MapType {
  const properties = Object.entries(schema.properties ?? {});
  const types = new Map(properties.map(([name, child]) => [name, convert(child, around)]));
  if (schema['x-kubernetes-embedded-resource'] === true) {
    types.set('apiVersion', scalarType('string')).set('kind', scalarType('string')).set('metadata', around.metadata);
  }
  let values: ApplyType | undefined;
  const additional = schema.additionalProperties;
  if (isPlain(additional)) values = convert(additional as StructuralSchema, around);
  else if (additional === true) values = DEDUCED_TYPE;
  else if (additional === undefined && (around.preserves || types.size === 0)) values = DEDUCED_TYPE;
  return {
    field: (name) => types.get(name),
    values,
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    untyped: values === DEDUCED_TYPE && types.size === 0,
  };
}

function convertList(schema: StructuralSchema, around: Surroundings): ListType {
  const listType = schema['x-kubernetes-list-type'];
  const keys = listType === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : [];
  const items = schema.items;
  const defaults = new Map(keys.map((key) => [key, propertyOf(items, key)?.default]));
  return {
    item: items === undefined ? DEDUCED_TYPE : convert(items, around),
    associative: listType === 'map' || listType === 'set',
    keys: keys.toSorted(),
    keyDefault: (key) => defaults.get(key),
  };
}

function propertyOf(schema: StructuralSchema | undefined, name: string): StructuralSchema | undefined {
  const { properties } = schema ?? {};
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}
