/** The resource that one version of a CustomResourceDefinition is. Source: apiextensions-apiserver pkg/registry/customresource. */
import {
  compareVersions,
  type ApplyType,
  applyTypeOfStructuralSchema,
  checkListTypes,
  compileSchema,
  hasDefaults,
  type JsonSchema,
  pruneObject,
  type StructuralSchema,
  type UnknownObject,
  UNCORRELATED,
  withSchemaDefaults,
} from '@kapella/api';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  SelectableField,
} from '@kapella/api/types/apiextensions-v1';
import type { ResourceDefinition, ServerAccess } from '@kapella/apiserver';
import { FieldErrors } from '@kapella/base';
import { compileRules } from '../rules/rules.ts';
import { checkScaleValues } from './scale-values.ts';
import { type ConversionMetrics, createWebhookConverter, type VersionRules } from '../conversion/webhook-converter.ts';
import { columnsOf } from '../columns/columns.ts';
import { parseJsonPath } from '../columns/json-path.ts';
import { hasCondition, storageVersionOf } from './naming.ts';

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
/** A version without a schema keeps everything. */
const OPEN: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export interface ServingParts {
  readonly metadataType: ApplyType;
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
  const rules = new Map(definition.spec.versions.map((each) => [apiVersionIn(definition, each), versionRules(each)]));
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

function versionRules({ schema }: CustomResourceDefinitionVersion): VersionRules {
  const known = schema?.openAPIV3Schema ?? OPEN;
  const fillsIn = hasDefaults(known);
  const prune = (object: UnknownObject) => pruneObject(object, known).object as UnknownObject;
  return {
    prune,
    read: (object) => (fillsIn ? (withSchemaDefaults(prune(object), known) as UnknownObject) : prune(object)),
  };
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
  const values = withScale(valueRules(schema, apiVersionIn(definition, version), shared), version);
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
    ...subresourcesOf(version, values.validateUpdate),
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
function withScale(
  rules: Partial<ResourceDefinition>,
  { subresources }: CustomResourceDefinitionVersion,
): Partial<ResourceDefinition> {
  const scale = subresources?.scale;
  if (scale === undefined) return rules;
  return {
    ...rules,
    validate(object, errors) {
      rules.validate?.(object, errors);
      checkScaleValues(object, scale, true, errors);
    },
    validateUpdate(next, old, errors) {
      rules.validateUpdate?.(next, old, errors);
      checkScaleValues(next, scale, true, errors);
    },
  };
}

/** `validateUpdate` also of the status: what of the object did not change was fine before. */
function subresourcesOf(
  { subresources }: CustomResourceDefinitionVersion,
  validateUpdate: ResourceDefinition['validateUpdate'],
): Partial<ResourceDefinition> {
  const { status, scale } = subresources ?? {};
  return {
    generationIgnores: status === undefined ? [] : ['status'],
    ...(status === undefined ? {} : { clearedOnCreate: ['status'] }),
    subresources: {
      ...(status === undefined ? {} : { status: { writes: ['status'], ...(validateUpdate && { validateUpdate }) } }),
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

/** What the schema does to objects: dropped fields, defaults, checks. */
function valueRules(
  schema: JsonSchema,
  apiVersion: string,
  { rules: all, revision }: Shared,
): Partial<ResourceDefinition> {
  const check = compileSchema(schema);
  const rules = compileRules(schema);
  const fillsIn = hasDefaults(schema);
  const withDefaults = (object: UnknownObject): UnknownObject =>
    fillsIn ? (withSchemaDefaults(object, schema) as UnknownObject) : object;
  const prune = (object: UnknownObject) => {
    const pruned = pruneObject(object, schema);
    return { object: pruned.object as UnknownObject, unknown: pruned.unknown };
  };
  const validate = (object: UnknownObject, old: UnknownObject | undefined, errors: FieldErrors): void => {
    check(object, '', errors, old === undefined ? UNCORRELATED : old);
    // Lists that were wrong before may stay so: their schema was changed under them.
    const faults = listFaults(object, schema);
    if (faults.length > 0 && (old === undefined || listFaults(old, schema).length === 0)) errors.list.push(...faults);
    // As upstream: rules speak of objects that have the right shape.
    if (!errors.any) rules?.(object, old === undefined ? UNCORRELATED : old, errors);
  };
  return {
    prune,
    ...(fillsIn ? { withDefaults } : {}),
    onRead: {
      upTo: revision,
      // As upstream, the defaults are those of the version that is stored.
      normalize: (object) => {
        const read = all.get(object.apiVersion)?.read(object) ?? object;
        return read.apiVersion === apiVersion ? read : prune({ ...read, apiVersion }).object;
      },
    },
    validate: (object, errors) => validate(object, undefined, errors),
    validateUpdate: (next, old, errors) => validate(next, old, errors),
  };
}
