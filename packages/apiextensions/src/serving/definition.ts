/** The resource that one version of a CustomResourceDefinition is. Source: apiextensions-apiserver pkg/registry/customresource. */
import {
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
import type { ResourceDefinition } from '@kapella/apiserver';
import type { FieldErrors } from '@kapella/base';
import { compileRules } from '../rules/rules.ts';
import { columnsOf } from '../columns/columns.ts';
import { parseJsonPath } from '../columns/json-path.ts';
import { hasCondition, storageVersionOf } from './naming.ts';

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
/** A version without a schema keeps everything. */
const OPEN: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** The storage version first, then the other served ones. `revision`: of the definition, as it is stored. */
export function resourcesOf(
  definition: CustomResourceDefinition,
  metadataType: ApplyType,
  revision: number,
): readonly ResourceDefinition[] {
  const storage = storageVersionOf(definition);
  const served = definition.spec.versions.filter((version) => version.served || version.storage);
  const sorted = served.toSorted((a, b) => Number(b.name === storage) - Number(a.name === storage));
  return sorted.map((version) => resourceOf(definition, version, metadataType, revision));
}

function resourceOf(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  metadataType: ApplyType,
  revision: number,
): ResourceDefinition {
  const { spec, status } = definition;
  const names = status?.acceptedNames ?? spec.names;
  const schema = version.schema?.openAPIV3Schema ?? OPEN;
  const storage = storageVersionOf(definition);
  const toVersion = (name: string) => (object: UnknownObject) => ({ ...object, apiVersion: `${spec.group}/${name}` });
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
    ...(version.name === storage
      ? {}
      : { storedAs: { version: storage, toStorage: toVersion(storage), fromStorage: toVersion(version.name) } }),
    ...subresourcesOf(version),
    ...selectableOf(version.selectableFields),
    columns: columnsOf(version.additionalPrinterColumns),
    schema: schema as Readonly<Record<string, unknown>>,
    applyType: applyTypeOfStructuralSchema(schema as StructuralSchema, metadataType),
    ...valueRules(schema, revision),
    ...(version.deprecated === true ? { deprecation: deprecationOf(definition, version) } : {}),
  };
}

/** Nothing new comes while the definition goes, and a version that is only stored is not served. */
function verbsOf(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion): readonly string[] {
  if (!version.served) return [];
  return hasCondition(definition, 'Terminating') ? ALL_VERBS.filter((verb) => verb !== 'create') : ALL_VERBS;
}

function deprecationOf({ spec }: CustomResourceDefinition, version: CustomResourceDefinitionVersion): string {
  return version.deprecationWarning ?? `${spec.group}/${version.name} ${spec.names.kind} is deprecated`;
}

/** `.spec.replicas` as the generic server takes it. */
const withoutDot = (path: string) => path.replace(/^\./, '');

function subresourcesOf({ subresources }: CustomResourceDefinitionVersion): Partial<ResourceDefinition> {
  const { status, scale } = subresources ?? {};
  return {
    generationIgnores: status === undefined ? [] : ['status'],
    ...(status === undefined ? {} : { clearedOnCreate: ['status'] }),
    subresources: {
      ...(status === undefined ? {} : { status: { writes: ['status'] } }),
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

/** What the schema does to objects: dropped fields, defaults, checks. */
function valueRules(schema: JsonSchema, revision: number): Partial<ResourceDefinition> {
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
    const { metadata: _, ...value } = object;
    check(value, '', errors, old === undefined ? UNCORRELATED : old);
    checkListTypes(value, schema, '', errors);
    // As upstream: rules speak of objects that have the right shape.
    if (!errors.any) rules?.(object, old === undefined ? UNCORRELATED : old, errors);
  };
  return {
    prune,
    ...(fillsIn ? { withDefaults } : {}),
    onRead: { upTo: revision, normalize: (object) => withDefaults(prune(object).object) },
    validate: (object, errors) => validate(object, undefined, errors),
    validateUpdate: (next, old, errors) => validate(next, old, errors),
  };
}
