/** Rules for CustomResourceDefinitions. Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go. */
import {
  checkStructuralSchema,
  type JsonSchema,
  propertyOf,
  validateDns1035Label,
  validateDns1123Subdomain,
} from '@kapella/api';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
  SelectableField,
} from '@kapella/api/types/apiextensions-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { IMMUTABLE } from '../../support/validation/basic.ts';
import { APPROVED, approvalOf } from './approval.ts';
import { checkBundle, checkConversion } from './conversion.validate.ts';
import { checkRules } from './rules.validate.ts';

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const SELECTABLE_MAX = 8;
const ROOT_WITH_STATUS = ['description', 'properties', 'required', 'title', 'type', 'format', 'nullable', 'example'];
const SIMPLE_PATH = /^\.[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$/;

export function validateDefinition(
  definition: CustomResourceDefinition,
  errors: FieldErrors,
  old?: CustomResourceDefinition,
): void {
  const { metadata, spec } = definition;
  const { group = '', scope = '', versions = [], names } = spec ?? {};
  const wanted = `${names?.plural ?? ''}.${group}`;
  if (metadata.name !== wanted) {
    errors.invalid('metadata.name', metadata.name ?? '', `must be spec.names.plural+"."+spec.group`);
  }
  checkGroup(group, errors);
  checkScope(scope, errors);
  if (spec?.preserveUnknownFields === true) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.invalid('spec.preserveUnknownFields', true, why);
  }
  checkVersions(versions, old?.spec?.versions ?? [], errors);
  checkNames(names, 'spec.names', errors);
  checkConversion(spec?.conversion, versions, errors);
  checkApproval(definition, old, errors);
}

export function validateDefinitionUpdate(
  next: CustomResourceDefinition,
  old: CustomResourceDefinition,
  errors: FieldErrors,
): void {
  validateDefinition(next, errors, old);
  if (next.spec?.names === undefined || old.spec?.names === undefined) return; // told already
  errors.immutable('spec.group', next.spec.group, old.spec.group, IMMUTABLE);
  const isEstablished = old.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
  if (isEstablished === true) {
    checkBundle(next.spec.conversion, old.spec.conversion, errors);
    errors.immutable('spec.scope', next.spec.scope, old.spec.scope, IMMUTABLE);
    errors.immutable('spec.names.kind', next.spec.names.kind, old.spec.names.kind, IMMUTABLE);
  }
  errors.immutable('spec.names.plural', next.spec.names.plural, old.spec.names.plural, IMMUTABLE);
  checkStoredVersions(next.status?.storedVersions ?? [], next.spec.versions ?? [], errors);
}

function checkGroup(group: string, errors: FieldErrors): void {
  if (group === '') errors.required('spec.group');
  else if (validateDns1123Subdomain(group).length > 0) {
    errors.invalid('spec.group', group, validateDns1123Subdomain(group).join(','));
  } else if (!group.includes('.')) errors.invalid('spec.group', group, 'should be a domain with at least one dot');
}

function checkScope(scope: string, errors: FieldErrors): void {
  if (scope === '') errors.required('spec.scope');
  else if (scope !== 'Cluster' && scope !== 'Namespaced')
    errors.notSupported('spec.scope', scope, ['Cluster', 'Namespaced']);
}

function checkVersions(
  versions: readonly CustomResourceDefinitionVersion[],
  before: readonly CustomResourceDefinitionVersion[],
  errors: FieldErrors,
): void {
  for (const [i, version] of versions.entries()) {
    const old = before.find(({ name }) => name === version.name);
    checkVersion(version, old, `spec.versions[${i}]`, errors);
  }
  const names = versions.map(({ name }) => name);
  if (new Set(names).size < names.length)
    errors.invalid('spec.versions', versions, 'must contain unique version names');
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.invalid('spec.versions', versions, 'must have exactly one version marked as storage version');
  }
}

function checkVersion(
  version: CustomResourceDefinitionVersion,
  old: CustomResourceDefinitionVersion | undefined,
  field: string,
  errors: FieldErrors,
): void {
  const { name = '', schema, subresources, additionalPrinterColumns = [], selectableFields = [] } = version;
  const problems = validateDns1035Label(name);
  if (problems.length > 0) errors.invalid(`${field}.name`, name, problems.join(','));
  checkDeprecation(version, `${field}.deprecationWarning`, errors);
  const root = schema?.openAPIV3Schema;
  const at = `${field}.schema.openAPIV3Schema`;
  if (root === undefined) errors.required(at);
  else {
    checkRoot(root, subresources?.status !== undefined, at, errors);
    checkStructuralSchema(root, at, errors);
    checkRules(root, at, errors, { isUnchanged: old !== undefined && jsonEqual(root, old.schema?.openAPIV3Schema) });
  }
  if (subresources?.scale !== undefined) checkScale(subresources.scale, `${field}.subresources.scale`, errors);
  for (const [i, column] of additionalPrinterColumns.entries()) {
    checkColumn(column, `${field}.additionalPrinterColumns[${i}]`, errors);
  }
  if (selectableFields.length > 0) checkSelectable(selectableFields, root, `${field}.selectableFields`, errors);
}

function checkDeprecation(version: CustomResourceDefinitionVersion, field: string, errors: FieldErrors): void {
  const { deprecated, deprecationWarning } = version;
  if (deprecationWarning === undefined) return;
  if (deprecated !== true) errors.invalid(field, deprecationWarning, 'can only be set for deprecated versions');
  if (deprecationWarning.length > 256) errors.invalid(field, deprecationWarning, 'must be <= 256 characters long');
  if (deprecationWarning === '') errors.invalid(field, deprecationWarning, 'must not be empty');
}

function checkRoot(root: JsonSchema, hasStatus: boolean, field: string, errors: FieldErrors): void {
  if (root.nullable === true) errors.forbidden(`${field}.nullable`, 'nullable cannot be true at the root');
  if (!hasStatus) return;
  const others = Object.keys(root).filter(
    (word) => !ROOT_WITH_STATUS.includes(word) && !word.startsWith('x-kubernetes-'),
  );
  if (others.length === 0) return;
  const allowed = `[${ROOT_WITH_STATUS.join(' ')}]`;
  errors.invalid(
    field,
    root,
    `only ${allowed} fields are allowed at the root of the schema if the status subresource is enabled`,
  );
}

function checkScale(scale: CustomResourceSubresourceScale, field: string, errors: FieldErrors): void {
  const { specReplicasPath = '', statusReplicasPath = '', labelSelectorPath = '' } = scale;
  checkPath(specReplicasPath, `${field}.specReplicasPath`, ['.spec.'], 'should be a json path under .spec', errors);
  checkPath(
    statusReplicasPath,
    `${field}.statusReplicasPath`,
    ['.status.'],
    'should be a json path under .status',
    errors,
  );
  if (labelSelectorPath === '') return;
  const why = 'should be a json path under either .spec or .status';
  checkPath(labelSelectorPath, `${field}.labelSelectorPath`, ['.spec.', '.status.'], why, errors);
}

function checkPath(path: string, field: string, under: readonly string[], why: string, errors: FieldErrors): void {
  if (path === '') errors.required(field);
  else if (!path.startsWith('.')) errors.invalid(field, path, 'must be a simple json path starting with .');
  else if (!under.some((prefix) => path.startsWith(prefix))) errors.invalid(field, path, why);
}

function checkColumn(column: CustomResourceColumnDefinition, field: string, errors: FieldErrors): void {
  const { name = '', type = '', format = '', jsonPath = '' } = column;
  const mustBe = `must be one of ${COLUMN_TYPES.join(',')}`;
  if (name === '') errors.required(`${field}.name`);
  if (type === '') errors.required(`${field}.type`, mustBe);
  else if (!COLUMN_TYPES.includes(type)) errors.invalid(`${field}.type`, type, mustBe);
  if (format !== '' && !COLUMN_FORMATS.includes(format)) {
    errors.invalid(`${field}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`);
  }
  if (jsonPath === '') errors.required(`${field}.JSONPath`);
  else if (!/^\.|^\{|^\$/.test(jsonPath))
    errors.invalid(`${field}.JSONPath`, jsonPath, 'must be a simple json path starting with .');
}

function checkSelectable(
  fields: readonly SelectableField[],
  root: JsonSchema | undefined,
  field: string,
  errors: FieldErrors,
): void {
  if (fields.length > SELECTABLE_MAX) errors.tooMany(field, fields.length, SELECTABLE_MAX);
  if (root === undefined) {
    errors.invalid(field, '', 'may only be set when `version.schema.openAPIV3Schema` is not included');
    return;
  }
  const seen = new Set<string>();
  for (const [i, { jsonPath = '' }] of fields.entries()) {
    const at = `${field}[${i}].jsonPath`;
    if (jsonPath === '') errors.required(at);
    else checkSelectablePath(jsonPath, root, at, errors);
    if (seen.has(jsonPath)) errors.duplicate(at, jsonPath);
    seen.add(jsonPath);
  }
}

function checkSelectablePath(path: string, root: JsonSchema, field: string, errors: FieldErrors): void {
  if (path.startsWith('.metadata.')) {
    errors.invalid(field, path, 'must not point to fields in metadata');
    return;
  }
  let schema: JsonSchema | undefined = root;
  for (const name of path.split('.').slice(1)) schema = propertyOf(schema, name);
  if (!SIMPLE_PATH.test(path) || schema === undefined) {
    errors.invalid(field, path, 'is an invalid path: does not refer to a valid field');
  } else if (!['string', 'boolean', 'integer'].includes(schema.type ?? '')) {
    const why =
      'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
    errors.invalid(field, path, why);
  }
}

function checkNames(names: CustomResourceDefinitionNames | undefined, field: string, errors: FieldErrors): void {
  const { plural = '', singular = '', kind = '', listKind = '', shortNames = [], categories = [] } = names ?? {};
  for (const [name, value] of Object.entries({ plural, singular, kind, listKind })) {
    if (value === '') errors.required(`${field}.${name}`);
  }
  const label = (value: string, at: string, prefix = '') => {
    const problems = value === '' ? [] : validateDns1035Label(prefix === '' ? value : value.toLowerCase());
    if (problems.length > 0) errors.invalid(`${field}.${at}`, value, prefix + problems.join(','));
  };
  const mixed = 'may have mixed case, but should otherwise match: ';
  label(plural, 'plural');
  label(singular, 'singular');
  label(kind, 'kind', mixed);
  label(listKind, 'listKind', mixed);
  for (const [i, name] of shortNames.entries()) label(name, `shortNames[${i}]`);
  for (const [i, name] of categories.entries()) label(name, `categories[${i}]`);
  if (kind !== '' && kind === listKind)
    errors.invalid(`${field}.listKind`, listKind, 'kind and listKind may not be the same');
}

function checkStoredVersions(
  stored: readonly string[],
  versions: readonly CustomResourceDefinitionVersion[],
  errors: FieldErrors,
): void {
  const field = 'status.storedVersions';
  if (stored.length === 0) {
    errors.invalid(field, stored, 'must have at least one stored version');
    return;
  }
  for (const [i, name] of stored.entries()) {
    if (versions.some((version) => version.name === name)) continue;
    const why =
      `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a ` +
      `storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.invalid(`${field}[${i}]`, name, why);
  }
}

/** A definition whose approval is as it was before may be changed: its writer may know nothing of annotations. */
function checkApproval(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
  errors: FieldErrors,
): void {
  const approval = approvalOf(definition);
  if (approval === undefined || (old !== undefined && approvalOf(old)?.state === approval.state)) return;
  const field = `metadata.annotations[${APPROVED}]`;
  if (approval.state === 'Missing') errors.required(field, approval.reason);
  if (approval.state === 'Invalid') {
    errors.invalid(field, definition.metadata.annotations?.[APPROVED] ?? '', approval.reason);
  }
}
