/** OpenAPI schemas of types from the facts. Source: kube-openapi pkg/generators and pkg/builder. */
import type { BuiltInTypeFacts, GroupVersionKind } from '../facts/index.ts';
import type { FieldFact, TypeFact } from '../schema.ts';

/** OpenAPI v2 (swagger) and v3 differ in references, defaults and the two types that are of two kinds. */
export type OpenApiVersion = 'v2' | 'v3';

export type Json = Readonly<Record<string, unknown>>;

/** Text for people; absent when the server has none. `field` undefined asks for the type's own. */
export interface Descriptions {
  describe(typeId: string, field?: string): string | undefined;
}

const MACHINERY = 'io.k8s.apimachinery.pkg.';
const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.';

const SCALAR_DEFINITIONS: ReadonlyMap<string, string> = new Map([
  ['Time', `${MACHINERY}apis.meta.v1.Time`],
  ['MicroTime', `${MACHINERY}apis.meta.v1.MicroTime`],
  ['Duration', `${MACHINERY}apis.meta.v1.Duration`],
  ['FieldsV1', `${MACHINERY}apis.meta.v1.FieldsV1`],
  ['Patch', `${MACHINERY}apis.meta.v1.Patch`],
  ['RawExtension', `${MACHINERY}runtime.RawExtension`],
  ['Quantity', `${MACHINERY}api.resource.Quantity`],
  ['IntOrString', `${MACHINERY}util.intstr.IntOrString`],
  ['JSON', `${EXTENSIONS}JSON`],
  ['JSONSchemaPropsOrArray', `${EXTENSIONS}JSONSchemaPropsOrArray`],
  ['JSONSchemaPropsOrBool', `${EXTENSIONS}JSONSchemaPropsOrBool`],
  ['JSONSchemaPropsOrStringArray', `${EXTENSIONS}JSONSchemaPropsOrStringArray`],
]);

const PLAIN: ReadonlyMap<string, Json> = new Map<string, Json>([
  ['string', { type: 'string' }],
  ['boolean', { type: 'boolean' }],
  ['int32', { type: 'integer', format: 'int32' }],
  ['int64', { type: 'integer', format: 'int64' }],
  ['double', { type: 'number', format: 'double' }],
  ['bytes', { type: 'string', format: 'byte' }],
]);

const ZERO: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['string', ''],
  ['boolean', false],
  ['int32', 0],
  ['int64', 0],
  ['double', 0],
]);

/** Kinds of meta/v1 that carry the group and version of every API group. */
const IN_EVERY_GROUP: ReadonlySet<string> = new Set(['meta/v1.DeleteOptions', 'meta/v1.WatchEvent']);
/** Kinds of meta/v1 that no group registers as its own, or that only discovery has. */
const UNREGISTERED: ReadonlySet<string> = new Set(['meta/v1.Table', 'meta/v1.PartialObjectMetadata']);

/** Collects the schemas of the types it is asked for, and of those that they refer to. */
export class SchemaBuilder {
  readonly schemas = new Map<string, Json>();
  readonly version: OpenApiVersion;
  readonly #facts: BuiltInTypeFacts;
  readonly #groupVersions: readonly { readonly group: string; readonly version: string }[];
  readonly #descriptions: Descriptions | undefined;

  /** `groupVersions` are those that the document is about, without the core group. */
  constructor(
    version: OpenApiVersion,
    facts: BuiltInTypeFacts,
    groupVersions: readonly { readonly group: string; readonly version: string }[],
    descriptions?: Descriptions,
  ) {
    this.version = version;
    this.#facts = facts;
    this.#groupVersions = groupVersions;
    this.#descriptions = descriptions;
  }

  /** `$ref` to a type or scalar, which is added to the schemas with all it needs. */
  reference(type: string): Json {
    const definition = this.#definitionOf(type);
    if (!this.schemas.has(definition)) {
      this.schemas.set(definition, {}); // schemas refer to themselves
      this.schemas.set(definition, this.#schemaOf(type));
    }
    return this.referenceTo(definition);
  }

  referenceTo(definition: string): Json {
    return { $ref: `${this.version === 'v2' ? '#/definitions/' : '#/components/schemas/'}${definition}` };
  }

  /** A reference with the description that a field of a built-in type has. */
  referenceLike(type: string, typeId: string, field: string): Json {
    return this.#combine(this.reference(type), this.#describe(typeId, field));
  }

  /** A string with the description that a field of a built-in type has. */
  text(typeId: string, field: string): Json {
    return { type: 'string', ...this.#describe(typeId, field) };
  }

  /** A schema that does not come from the facts: of a custom resource. */
  add(definition: string, schema: Json): void {
    this.schemas.set(definition, schema);
  }

  /** By name, so that documents do not depend on the order of building. */
  sorted(): Json {
    return Object.fromEntries([...this.schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #definitionOf(type: string): string {
    const definition = SCALAR_DEFINITIONS.get(type) ?? this.#facts.type(type)?.definition;
    if (definition === undefined) throw new Error(`no facts about the type ${type}`);
    return definition;
  }

  #schemaOf(type: string): Json {
    const fact = this.#facts.type(type);
    if (fact === undefined) return this.#scalarSchema(type);
    const required = fact.fields.filter((f) => f.required).map((f) => f.name);
    const properties = fact.fields.map((field) => [field.name, this.#property(fact, field)] as const);
    const kinds = this.#kindsOf(fact);
    return {
      ...this.#describe(fact.id),
      ...(properties.length === 0
        ? {}
        : { properties: Object.fromEntries(properties.sort(([a], [b]) => (a < b ? -1 : 1))) }),
      ...(required.length === 0 ? {} : { required }),
      type: 'object',
      ...(kinds.length === 0 ? {} : { 'x-kubernetes-group-version-kind': kinds }),
      ...(fact.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(fact.unions === undefined ? {} : { 'x-kubernetes-unions': fact.unions }),
    };
  }

  #describe(typeId: string, field?: string): Json {
    const description = this.#descriptions?.describe(typeId, field);
    return description === undefined ? {} : { description };
  }

  #scalarSchema(type: string): Json {
    const isV2 = this.version === 'v2';
    switch (type) {
      case 'Time':
      case 'MicroTime':
        return { type: 'string', format: 'date-time' };
      case 'Duration':
        return { type: 'string' };
      case 'Quantity':
        return isV2 ? { type: 'string' } : { oneOf: [{ type: 'string' }, { type: 'number' }] };
      case 'IntOrString':
        if (isV2) return { type: 'string', format: 'int-or-string' };
        return { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] };
      case 'FieldsV1':
      case 'RawExtension':
      case 'Patch':
        return { type: 'object' };
      default:
        return {};
    }
  }

  #property(type: TypeFact, field: FieldFact): Json {
    const extras = { ...this.#describe(type.id, field.name), ...this.#defaultOf(field), ...extensionsOf(field) };
    const element = this.#element(field);
    if (field.shape === 'single') return this.#combine(element, { ...extras, ...enumOf(field) });
    const inner = this.#combine(element, { ...this.#elementDefault(field), ...enumOf(field) });
    if (field.shape === 'list') return { ...extras, type: 'array', items: inner };
    return { ...extras, type: 'object', additionalProperties: inner };
  }

  #element(field: FieldFact): Json {
    if (field.type === 'StringList')
      return { type: 'array', items: this.#combine({ type: 'string' }, this.#zero('string')) };
    return PLAIN.get(field.type) ?? this.reference(field.type);
  }

  /** What stands beside a reference: v3 forbids siblings, v2 has them ignored or read by kubectl alike. */
  #combine(schema: Json, extras: Json): Json {
    const hasExtras = Object.keys(extras).length > 0;
    if (hasExtras && this.version === 'v3' && '$ref' in schema) return { allOf: [schema], ...extras };
    return hasExtras ? { ...schema, ...extras } : schema;
  }

  #defaultOf(field: FieldFact): Json {
    if (this.version === 'v2') return {};
    if (field.default !== undefined) return { default: field.default };
    if (field.emit !== true || field.shape !== 'single') return {};
    return this.#zero(field.type);
  }

  /** Elements are never pointers. */
  #elementDefault(field: FieldFact): Json {
    return this.#zero(field.type);
  }

  #zero(type: string): Json {
    if (this.version === 'v2') return {};
    if (type.includes('.')) return { default: {} };
    const zero = ZERO.get(type);
    return zero === undefined ? {} : { default: zero };
  }

  #kindsOf({ id, fields }: TypeFact): GroupVersionKind[] {
    const isKind = IN_EVERY_GROUP.has(id) || (fields[0]?.embeds?.[0] === 'TypeMeta' && !UNREGISTERED.has(id));
    const own = isKind ? this.#facts.kindOf(id) : undefined;
    if (own === undefined) return [];
    if (!IN_EVERY_GROUP.has(id)) return [{ group: own.group, kind: own.kind, version: own.version }];
    const core = { group: '', kind: own.kind, version: 'v1' };
    return [core, ...this.#groupVersions.map(({ group, version }) => ({ group, kind: own.kind, version }))];
  }
}

function extensionsOf(field: FieldFact): Json {
  return {
    ...(field.listMapKeys === undefined ? {} : { 'x-kubernetes-list-map-keys': field.listMapKeys }),
    ...(field.listType === undefined ? {} : { 'x-kubernetes-list-type': field.listType }),
    ...(field.atomic === undefined ? {} : { 'x-kubernetes-map-type': field.atomic ? 'atomic' : 'granular' }),
    ...(field.patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.patchMergeKey }),
    ...(field.patchStrategy === undefined ? {} : { 'x-kubernetes-patch-strategy': field.patchStrategy.join(',') }),
  };
}

function enumOf(field: FieldFact): Json {
  return field.enum === undefined ? {} : { enum: field.enum };
}
