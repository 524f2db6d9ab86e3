/** From Go declarations to type facts: embeds are inlined, aliases resolved, markers and tags read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FieldFact, TypeFact } from '../../packages/api/src/schema.ts';
import type { GoConstant, GoField, GoType } from './go-parser.ts';
import { parseGoFile } from './go-parser.ts';
import type { GoPackageSource } from './sources.ts';

/** Go types with a JSON form of their own: full Go name -> name of the scalar. */
const SPECIAL: ReadonlyMap<string, string> = new Map([
  ['meta/v1.Time', 'Time'],
  ['meta/v1.MicroTime', 'MicroTime'],
  ['meta/v1.Duration', 'Duration'],
  ['meta/v1.FieldsV1', 'FieldsV1'],
  ['resource.Quantity', 'Quantity'],
  ['intstr.IntOrString', 'IntOrString'],
  ['runtime.RawExtension', 'RawExtension'],
  ['runtime.Object', 'RawExtension'],
  ['types.UID', 'string'],
  ['types.NodeName', 'string'],
  ['apiextensions/v1.JSON', 'JSON'],
  ['apiextensions/v1.JSONSchemaPropsOrArray', 'JSONSchemaPropsOrArray'],
  ['apiextensions/v1.JSONSchemaPropsOrBool', 'JSONSchemaPropsOrBool'],
  ['apiextensions/v1.JSONSchemaPropsOrStringArray', 'JSONSchemaPropsOrStringArray'],
  ['meta/v1.Verbs', 'StringList'],
  ['authentication/v1.ExtraValue', 'StringList'],
  ['authorization/v1.ExtraValue', 'StringList'],
  ['certificates/v1.ExtraValue', 'StringList'],
]);

const BUILT_IN: ReadonlyMap<string, string> = new Map([
  ['string', 'string'],
  ['bool', 'boolean'],
  ['int32', 'int32'],
  ['int64', 'int64'],
  ['int', 'int64'],
  ['float64', 'double'],
  ['interface{}', 'JSON'],
  ['any', 'JSON'],
]);

const LIBRARY_IMPORTS: ReadonlyMap<string, string> = new Map([
  ['k8s.io/apimachinery/pkg/api/resource', 'resource'],
  ['k8s.io/apimachinery/pkg/util/intstr', 'intstr'],
  ['k8s.io/apimachinery/pkg/runtime', 'runtime'],
  ['k8s.io/apimachinery/pkg/types', 'types'],
]);

/** Not objects of the API: helpers of the Go packages. */
const SKIPPED = new Set([
  'meta/v1.Patch',
  'meta/v1.TypeMeta',
  'core/v1.PodSignature',
  'core/v1.AvoidPods',
  'core/v1.PreferAvoidPodsEntry',
  'core/v1.PodStatusResult',
]);

/** The embedded structs that a field is in, outermost first: their protobuf numbers and Go names. */
interface EmbedPath {
  readonly numbers: readonly number[];
  readonly names: readonly string[];
}

interface PackageModel {
  readonly source: GoPackageSource;
  readonly types: ReadonlyMap<string, GoType>;
  readonly imports: ReadonlyMap<string, string>;
  readonly constants: readonly GoConstant[];
}

export interface Resolved {
  readonly type: string;
  readonly shape: FieldFact['shape'];
  readonly pointer: boolean;
  /** Go name of the element type where it is a named scalar, `v1.Protocol`. */
  readonly goName?: string;
  /** Id of the string type with a closed set of values. */
  readonly enumId?: string;
}

export interface Model {
  readonly packages: readonly GoPackageSource[];
  readonly types: ReadonlyMap<string, TypeFact>;
  /** Types that embed TypeMeta: they can stand alone. */
  readonly topLevel: ReadonlySet<string>;
  /** Values of the string types with a closed set, by id: `core/v1.RestartPolicy`. */
  readonly enums: ReadonlyMap<string, readonly string[]>;
  /** Field -> id of its enum. */
  readonly enumOf: ReadonlyMap<FieldFact, string>;
}

export function buildModel(packages: readonly GoPackageSource[]): Model {
  const models = new Map(packages.map((source) => [source.id, readPackage(source)]));
  const builder = new Builder(models);
  const types = new Map<string, TypeFact>();
  for (const model of models.values()) {
    for (const type of model.types.values()) {
      const id = `${model.source.id}.${type.name}`;
      if (SPECIAL.has(id) || SKIPPED.has(id)) continue;
      const fact = builder.typeFact(model, type);
      if (fact !== undefined) types.set(id, fact);
    }
  }
  return { packages, types, topLevel: builder.topLevel, enums: builder.enums, enumOf: builder.enumOf };
}

function readPackage(source: GoPackageSource): PackageModel {
  const types = new Map<string, GoType>();
  const imports = new Map<string, string>();
  const constants: GoConstant[] = [];
  for (const name of source.files) {
    const file = parseGoFile(readFileSync(join(source.dir, name), 'utf8'));
    for (const type of file.types) types.set(type.name, type);
    for (const [alias, path] of file.imports) imports.set(alias, path);
    constants.push(...file.constants);
  }
  return { source, types, imports, constants };
}

class Builder {
  readonly topLevel = new Set<string>();
  readonly enums = new Map<string, readonly string[]>();
  readonly enumOf = new Map<FieldFact, string>();
  readonly #models: ReadonlyMap<string, PackageModel>;
  readonly #idByImport: ReadonlyMap<string, string>;

  constructor(models: ReadonlyMap<string, PackageModel>) {
    this.#models = models;
    this.#idByImport = new Map([
      ...[...models.values()].map((m) => [m.source.importPath, m.source.id] as const),
      ...LIBRARY_IMPORTS,
    ]);
  }

  typeFact(model: PackageModel, type: GoType): TypeFact | undefined {
    const id = `${model.source.id}.${type.name}`;
    if (type.kind === 'named') {
      const target = this.#lookup(model, type.underlying);
      if (target?.type.kind !== 'struct') return undefined;
      return {
        ...(this.typeFact(target.model, target.type) as TypeFact),
        id,
        definition: `${model.source.definition}.${type.name}`,
      };
    }
    const fields = this.#fields(model, type, { numbers: [], names: [] }, id);
    if (fields.some((f) => f.type === '?')) return undefined;
    const atomic = type.markers.includes('structType=atomic') || type.markers.includes('mapType=atomic');
    return { id, definition: `${model.source.definition}.${type.name}`, fields, ...(atomic ? { atomic } : {}) };
  }

  #lookup(model: PackageModel, expression: string): { model: PackageModel; type: GoType } | undefined {
    const [alias, name] = expression.includes('.') ? expression.split('.') : [undefined, expression];
    const target = alias === undefined ? model : this.#models.get(this.#packageId(model, alias) ?? '');
    const type = target?.types.get(name as string);
    return target === undefined || type === undefined ? undefined : { model: target, type };
  }

  #packageId(model: PackageModel, alias: string): string | undefined {
    return this.#idByImport.get(model.imports.get(alias) ?? '');
  }

  #fields(model: PackageModel, type: GoType, path: EmbedPath, id: string): FieldFact[] {
    const fields: FieldFact[] = [];
    for (const field of type.fields) {
      if (field.json === '-') continue;
      if (isTypeMeta(field)) {
        this.topLevel.add(id);
        fields.push(typeMetaField('kind'), typeMetaField('apiVersion'));
      } else if (field.json !== '') {
        fields.push(this.#field(model, field, path));
      } else if (isInlined(field)) {
        fields.push(...this.#inlined(model, field, path, id));
      }
    }
    return fields;
  }

  #inlined(model: PackageModel, field: GoField, path: EmbedPath, id: string): FieldFact[] {
    const target = this.#lookup(model, field.type.replace('*', ''));
    if (target === undefined) throw new Error(`${id}: cannot find the embedded ${field.type}`);
    const numbers = field.proto === 0 ? path.numbers : [...path.numbers, field.proto];
    return this.#fields(target.model, target.type, { numbers, names: [...path.names, field.goName] }, id);
  }

  #field(model: PackageModel, field: GoField, path: EmbedPath): FieldFact {
    const { type, shape, pointer, goName: name, enumId } = this.resolve(model, field.type);
    const marker = (key: string) => field.markers.find((m) => m.startsWith(`${key}=`))?.slice(key.length + 1);
    const listMapKeys = field.markers.filter((m) => m.startsWith('listMapKey=')).map((m) => m.slice(11));
    const mapType = marker('mapType') ?? marker('structType');
    const defaultText = marker('default');
    const fact: FieldFact = {
      name: field.json,
      type,
      shape,
      proto: field.proto,
      protoPath: path.numbers.length > 0 ? path.numbers : undefined,
      embeds: path.names.length > 0 ? path.names : undefined,
      required: isRequired(field),
      pointer,
      emit: isEmitted(field, shape === 'single' && isStructLike(type)) && !pointer,
      goName: name,
      default: defaultText === undefined ? undefined : this.#default(model, defaultText),
      enum: enumId === undefined ? undefined : this.enums.get(enumId),
      listType: marker('listType') as FieldFact['listType'],
      listMapKeys: listMapKeys.length === 0 ? undefined : [...new Set(listMapKeys)],
      atomic: mapType === undefined ? undefined : mapType === 'atomic',
      patchStrategy: field.tags['patchStrategy']?.split(',') as FieldFact['patchStrategy'],
      patchMergeKey: field.tags['patchMergeKey'],
    };
    if (enumId !== undefined) this.enumOf.set(fact, enumId);
    return fact;
  }

  /** What a Go type expression is on the wire. */
  resolve(model: PackageModel, expression: string): Resolved {
    if (expression.startsWith('*')) return { ...this.resolve(model, expression.slice(1)), pointer: true };
    if (expression === '[]byte') return { type: 'bytes', shape: 'single', pointer: false };
    if (expression.startsWith('[]')) return this.#container(model, expression.slice(2), 'list');
    const map = /^map\[[^\]]+\](.*)$/.exec(expression);
    if (map !== null) return this.#container(model, map[1] as string, 'map');
    const builtIn = BUILT_IN.get(expression);
    if (builtIn !== undefined) return { type: builtIn, shape: 'single', pointer: false };
    return this.#named(model, expression);
  }

  #container(model: PackageModel, element: string, shape: 'list' | 'map'): Resolved {
    const inner = this.resolve(model, element);
    if (inner.shape === 'list' && inner.type === 'string') return { type: 'StringList', shape, pointer: false };
    if (inner.shape !== 'single') throw new Error(`${model.source.id}: ${shape} of ${element} is not understood`);
    return { ...inner, shape, pointer: false };
  }

  #named(model: PackageModel, expression: string): Resolved {
    const [alias, name] = expression.includes('.') ? expression.split('.') : [undefined, expression];
    const packageId = alias === undefined ? model.source.id : this.#packageId(model, alias);
    const special = SPECIAL.get(`${packageId}.${name}`);
    if (special !== undefined) {
      return {
        type: special,
        shape: 'single',
        pointer: false,
        ...(special === 'string' ? { goName: `types.${name}` } : {}),
      };
    }
    const target = this.#lookup(model, expression);
    if (target !== undefined) return this.#declared(target);
    if (packageId === undefined || packageId === 'runtime') return { type: '?', shape: 'single', pointer: false };
    throw new Error(`${model.source.id}: cannot find ${expression}`);
  }

  #declared(target: { model: PackageModel; type: GoType }): Resolved {
    const id = `${target.model.source.id}.${target.type.name}`;
    if (target.type.kind === 'struct') return { type: id, shape: 'single', pointer: false };
    const inner = this.resolve(target.model, target.type.underlying);
    const named = { ...inner, goName: inner.goName ?? goName(target) };
    if (inner.shape !== 'single') return named;
    if (isStructLike(inner.type)) return inner;
    if (!target.type.markers.includes('enum')) return named;
    this.enums.set(id, this.#enumValues(target.model, target.type.name));
    return { ...named, enumId: id };
  }

  #enumValues(model: PackageModel, name: string): readonly string[] {
    const values = model.constants.filter((c) => c.type === name).map((c) => c.value ?? this.#constant(model, c));
    if (values.length === 0) throw new Error(`${model.source.id}: no values of ${name}`);
    return [...new Set(values)].sort();
  }

  #default(model: PackageModel, text: string): unknown {
    const reference = /^ref\((.*)\)$/.exec(text)?.[1];
    return reference === undefined ? (JSON.parse(text) as unknown) : this.#constant(model, { reference });
  }

  #constant(model: PackageModel, { reference = '' }: Pick<GoConstant, 'reference'>): string {
    const [alias, name] = reference.includes('.') ? reference.split('.') : [undefined, reference];
    const target = alias === undefined ? model : this.#models.get(this.#packageId(model, alias) ?? '');
    const value = target?.constants.find((c) => c.name === name)?.value;
    if (value === undefined) throw new Error(`${model.source.id}: cannot find the constant ${reference}`);
    return value;
  }
}

function goName(target: { model: PackageModel; type: GoType }): string {
  return `${target.model.source.id.split('/').at(-1)}.${target.type.name}`;
}

const STRUCT_SCALARS = new Set([
  'Time',
  'MicroTime',
  'Duration',
  'Quantity',
  'IntOrString',
  'RawExtension',
  'FieldsV1',
  'JSON',
  'JSONSchemaPropsOrArray',
  'JSONSchemaPropsOrBool',
  'JSONSchemaPropsOrStringArray',
]);

/** Whether Go's omitempty has no effect on a value of the type: it is a struct there. */
function isStructLike(type: string): boolean {
  return STRUCT_SCALARS.has(type) || type.includes('.');
}

function isTypeMeta({ type, json, jsonOptions }: GoField): boolean {
  return /^(?:\w+\.)?TypeMeta$/.test(type) && (json === '' || jsonOptions.includes('inline'));
}

function isInlined({ embedded, jsonOptions }: GoField): boolean {
  return embedded || jsonOptions.includes('inline');
}

function isRequired({ markers, jsonOptions }: GoField): boolean {
  const isOptional =
    markers.includes('optional') || jsonOptions.includes('omitempty') || jsonOptions.includes('omitzero');
  return markers.includes('required') || !isOptional;
}

/** Go's omitempty leaves structs in. */
function isEmitted({ jsonOptions }: GoField, isStruct: boolean): boolean {
  return !jsonOptions.includes('omitzero') && (isStruct || !jsonOptions.includes('omitempty'));
}

function typeMetaField(name: string): FieldFact {
  return { name, type: 'string', shape: 'single', proto: 0, embeds: ['TypeMeta'] };
}
