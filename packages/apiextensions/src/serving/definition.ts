/** The resource that one version of a CustomResourceDefinition is. Source: apiextensions-apiserver pkg/registry/customresource. */
import {
  compareVersions,
  type ApplyType,
  applyTypeOfStructuralSchema,
  checkListTypes,
  compileSchema,
  checkEmbedded,
  coerceEmbedded,
  hasDefaults,
  hasEmbedded,
  isPlainObject,
  type JsonSchema,
  propertyOf,
  pruneObject,
  type PlainObject,
  type ReadMetadata,
  type StructuralSchema,
  type UnknownObject,
  UNCORRELATED,
  type ValueCheck,
  withSchemaDefaults,
} from '@kapella/api';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  SelectableField,
} from '@kapella/api/types/apiextensions-v1';
import type { ResourceDefinition, ServerAccess } from '@kapella/apiserver';
import { FieldErrors } from '@kapella/base';
import { compileRules, type RuleCheck } from '../rules/rules.ts';
import { checkScaleValues } from './scale-values.ts';
import { type ConversionMetrics, createWebhookConverter, type VersionRules } from '../conversion/webhook-converter.ts';
import { columnsOf } from '../columns/columns.ts';
import { parseJsonPath } from '../columns/json-path.ts';
import { hasCondition, storageVersionOf } from './naming.ts';

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
/** Where an error concerns all that was checked. */
const NO_FIELD = '<nil>';
/** Faults of the shape: rules speak of objects that have the right one. */
const BLOCKING: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const UNCHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
/** A version without a schema keeps everything. */
const OPEN: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export interface ServingParts {
  readonly metadataType: ApplyType;
  readonly readMetadata: ReadMetadata;
  /** Of the definition, as it is stored. */
  readonly revision: number;
  readonly access: ServerAccess;
  readonly metrics: ConversionMetrics;
}

/** The storage version first, then the other served ones. */
export function resourcesOf(definition: CustomResourceDefinition, parts: ServingParts): readonly ResourceDefinition[] {
  const storage = storageVersionOf(definition);
  const served = definition.spec.versions.filter((version) => version.served || version.storage);
  const sorted = served.toSorted((a, b) => Number(b.name === storage) - Number(a.name === storage));
  const rules = new Map(
    definition.spec.versions.map((each) => [apiVersionIn(definition, each), versionRules(each, parts.readMetadata)]),
  );
  const shared: Shared = { ...parts, rules, ...conversionOf(definition, rules, parts) };
  return sorted.map((version) => resourceOf(definition, version, shared));
}

interface Shared extends ServingParts {
  /** By apiVersion; of all versions, served or not: objects may be stored in any. */
  readonly rules: ReadonlyMap<string, VersionRules>;
  readonly conversion?: NonNullable<ResourceDefinition['conversion']>;
}

const apiVersionIn = ({ spec }: CustomResourceDefinition, { name }: { readonly name: string }) =>
  `${spec.group}/${name}`;

function versionRules({ schema }: CustomResourceDefinitionVersion, readMetadata: ReadMetadata): VersionRules {
  const known = schema?.openAPIV3Schema ?? OPEN;
  const { cut, withDefaults = (object) => object } = shapeOf(known, readMetadata);
  const prune = (object: UnknownObject) => cut(object).object;
  return { prune, read: (object) => withDefaults(prune(object)) };
}

interface Shape {
  /** Without what the schema, or ObjectMeta in embedded resources, does not know. Throws Error for metadata that is none. */
  readonly cut: (
    object: UnknownObject,
    keepsNulls?: boolean,
  ) => { readonly object: UnknownObject; readonly unknown: readonly string[] };
  readonly withDefaults?: (object: UnknownObject) => UnknownObject;
}

function shapeOf(schema: JsonSchema, readMetadata: ReadMetadata): Shape {
  const embeds = hasEmbedded(schema);
  const cut = (given: UnknownObject, keepsNulls?: boolean) => {
    const pruned = pruneObject(given, schema, keepsNulls);
    if (!embeds) return { object: pruned.object as UnknownObject, unknown: pruned.unknown };
    const { object, unknown } = coerceEmbedded(pruned.object, schema, readMetadata);
    return { object: object as UnknownObject, unknown: [...pruned.unknown, ...unknown] };
  };
  if (!hasDefaults(schema)) return { cut };
  const fill = (object: PlainObject) => {
    const filled = withSchemaDefaults(object, schema);
    // Defaults, too, have of metadata only what there is.
    return filled !== object && embeds ? coerceEmbedded(filled, schema, readMetadata).object : filled;
  };
  return { cut, withDefaults: (object) => fill(object) as UnknownObject };
}

function applyTypeOf({ schema }: CustomResourceDefinitionVersion, metadataType: ApplyType): ApplyType {
  return applyTypeOfStructuralSchema((schema?.openAPIV3Schema ?? OPEN) as StructuralSchema, metadataType);
}

/** Only where there is something to convert: one version is stored as it is. */
function conversionOf(
  definition: CustomResourceDefinition,
  rules: ReadonlyMap<string, VersionRules>,
  { access, metrics, metadataType }: ServingParts,
): Pick<Shared, 'conversion'> {
  const { conversion, versions } = definition.spec;
  if (conversion?.strategy !== 'Webhook' || versions.length < 2) return {};
  const convert = createWebhookConverter({ definition, rules, access, metrics });
  const types = new Map(versions.map((each) => [apiVersionIn(definition, each), applyTypeOf(each, metadataType)]));
  const applyTypeIn = (apiVersion: string) => types.get(apiVersion);
  return { conversion: { storageVersion: storageVersionOf(definition), convert, applyTypeOf: applyTypeIn } };
}

function resourceOf(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  shared: Shared,
): ResourceDefinition {
  const { spec, status } = definition;
  const names = status?.acceptedNames ?? spec.names;
  const schema = version.schema?.openAPIV3Schema ?? OPEN;
  const { validateStatusUpdate, ...values } = withScale(
    valueRules(schema, apiVersionIn(definition, version), shared),
    version,
  );
  return {
    id: {
      group: spec.group,
      version: version.name,
      kind: names.kind,
      plural: names.plural,
      singular: names.singular || names.kind.toLowerCase(),
      listKind: names.listKind || `${names.kind}List`,
    },
    names: { short: names.shortNames ?? [], categories: names.categories ?? [] },
    scope: spec.scope === 'Namespaced' ? 'namespaced' : 'cluster',
    verbs: verbsOf(definition, version),
    ...storedAs(definition, version, shared),
    ...subresourcesOf(version, validateStatusUpdate),
    ...selectableOf(version.selectableFields),
    allowUnconditionalUpdate: false,
    columns: columnsOf(version.additionalPrinterColumns),
    schema: schema as Readonly<Record<string, unknown>>,
    applyType: applyTypeOf(version, shared.metadataType),
    ...values,
    ...(version.deprecated === true ? { deprecation: deprecationOf(definition, version) } : {}),
  };
}

/** Without a webhook, versions differ in name only. */
function storedAs(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  { conversion, rules }: Shared,
): Partial<ResourceDefinition> {
  const storage = storageVersionOf(definition);
  if (conversion !== undefined) return { conversion };
  if (version.name === storage) return {};
  const stored = `${definition.spec.group}/${storage}`;
  const served = apiVersionIn(definition, version);
  return {
    storedAs: {
      version: storage,
      toStorage: (object) => {
        const renamed = { ...object, apiVersion: stored };
        return rules.get(stored)?.prune(renamed) ?? renamed;
      },
      fromStorage: (object) => ({ ...object, apiVersion: served }),
    },
  };
}

/** Nothing new comes while the definition goes, and a version that is only stored is not served. */
function verbsOf(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion): readonly string[] {
  if (!version.served) return [];
  return hasCondition(definition, 'Terminating') ? ALL_VERBS.filter((verb) => verb !== 'create') : ALL_VERBS;
}

function deprecationOf({ spec }: CustomResourceDefinition, version: CustomResourceDefinitionVersion): string {
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const text = `${spec.group}/${version.name} ${spec.names.kind} is deprecated`;
  const [newest] = spec.versions
    .filter(({ name, served, deprecated }) => served && deprecated !== true && compareVersions(name, version.name) > 0)
    .sort((a, b) => compareVersions(b.name, a.name));
  return newest === undefined ? text : `${text}; use ${spec.group}/${newest.name} ${spec.names.kind}`;
}

/** `.spec.replicas` as the generic server takes it. */
const withoutDot = (path: string) => path.replace(/^\./, '');

/** The rules of the schema, and what the scale subresource asks of the values that it reads. */
function withScale(rules: ValueRules, { subresources }: CustomResourceDefinitionVersion): ValueRules {
  const scale = subresources?.scale;
  if (scale === undefined) return rules;
  return {
    ...rules,
    validate(object, errors) {
      rules.validate(object, errors);
      checkScaleValues(object, scale, true, errors);
    },
    validateUpdate(next, old, errors) {
      rules.validateUpdate(next, old, errors);
      checkScaleValues(next, scale, true, errors);
    },
    validateStatusUpdate(next, old, errors) {
      rules.validateStatusUpdate(next, old, errors);
      checkScaleValues(next, scale, false, errors);
    },
  };
}

function subresourcesOf(
  { subresources }: CustomResourceDefinitionVersion,
  validateUpdate: ValueRules['validateStatusUpdate'],
): Partial<ResourceDefinition> {
  const { status, scale } = subresources ?? {};
  return {
    generationIgnores: status === undefined ? [] : ['status'],
    ...(status === undefined ? {} : { clearedOnCreate: ['status'] }),
    subresources: {
      ...(status === undefined ? {} : { status: { writes: ['status'], validateUpdate } }),
      ...(scale === undefined
        ? {}
        : {
            scale: {
              specReplicas: withoutDot(scale.specReplicasPath),
              statusReplicas: withoutDot(scale.statusReplicasPath),
              ...(scale.labelSelectorPath ? { selector: withoutDot(scale.labelSelectorPath) } : {}),
            },
          }),
    },
  };
}

function selectableOf(fields: readonly SelectableField[] | undefined): Partial<ResourceDefinition> {
  if (fields === undefined || fields.length === 0) return {};
  const rows = fields.map(({ jsonPath }) => {
    const path = parseJsonPath(jsonPath);
    const read = (object: UnknownObject): string => String(path(object)[0] ?? '');
    return [withoutDot(jsonPath), read] as const;
  });
  return { selectableFields: Object.fromEntries(rows) };
}

function listFaults(object: UnknownObject, schema: JsonSchema): FieldErrors['list'] {
  const found = new FieldErrors();
  checkListTypes(object, schema, '', found);
  return found.list;
}

interface ValueRules extends Partial<ResourceDefinition> {
  validate(object: UnknownObject, errors: FieldErrors): void;
  validateUpdate(next: UnknownObject, old: UnknownObject, errors: FieldErrors): void;
  validateStatusUpdate(next: UnknownObject, old: UnknownObject, errors: FieldErrors): void;
}

/** The status alone, which upstream checks by its own part of the schema: words name fields as they stand in it. */
function statusCheck(schema: JsonSchema): ValueCheck {
  const status = propertyOf(schema, 'status');
  const check = status === undefined ? undefined : compileSchema(status);
  return (object, _path, errors, old) => {
    if (check === undefined || !isPlainObject(object) || object.status === undefined) return;
    const found = new FieldErrors();
    check(object.status, '', found, isPlainObject(old) ? old.status : UNCORRELATED);
    for (const { field, ...fault } of found.list) {
      errors.list.push({ ...fault, field: field === NO_FIELD ? 'status' : `status.${field}` });
    }
  };
}

/** As upstream: rules speak of objects that have the right shape. */
function checkRules(rules: RuleCheck, object: UnknownObject, old: unknown, errors: FieldErrors): void {
  if (errors.list.some(({ type }) => BLOCKING.has(type))) errors.invalid(NO_FIELD, null, UNCHECKED);
  else rules(object, old, errors);
}

/** What the schema does to objects: dropped fields, defaults, checks. */
function valueRules(
  schema: JsonSchema,
  apiVersion: string,
  { rules: all, revision, readMetadata }: Shared,
): ValueRules {
  const checkWhole = compileSchema(schema);
  const checkStatus = statusCheck(schema);
  const rules = compileRules(schema);
  const { cut: prune, withDefaults } = shapeOf(schema, readMetadata);
  const embeds = hasEmbedded(schema);
  const validate = (
    check: ValueCheck,
    object: UnknownObject,
    old: UnknownObject | undefined,
    errors: FieldErrors,
  ): void => {
    check(object, '', errors, old === undefined ? UNCORRELATED : old);
    if (embeds) checkEmbedded(object, schema, errors);
    // Lists that were wrong before may stay so: their schema was changed under them.
    const faults = listFaults(object, schema);
    if (faults.length > 0 && (old === undefined || listFaults(old, schema).length === 0)) errors.list.push(...faults);
    if (rules !== undefined) checkRules(rules, object, old ?? UNCORRELATED, errors);
  };
  return {
    prune,
    ...(withDefaults === undefined ? {} : { withDefaults }),
    onRead: {
      upTo: revision,
      // As upstream, the defaults are those of the version that is stored.
      normalize: (object) => {
        const read = all.get(object.apiVersion)?.read(object) ?? object;
        return read.apiVersion === apiVersion ? read : prune({ ...read, apiVersion }).object;
      },
    },
    validate: (object, errors) => validate(checkWhole, object, undefined, errors),
    validateUpdate: (next, old, errors) => validate(checkWhole, next, old, errors),
    validateStatusUpdate: (next, old, errors) => validate(checkStatus, next, old, errors),
  };
}
