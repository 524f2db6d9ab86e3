/** Validation of metadata. Source: apimachinery/pkg/api/validation/objectmeta.go and apis/meta/v1/validation. */
import type { FieldErrors } from '@kapella/base';
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from '../meta.ts';
import { type NameValidator, nameIsDnsLabel } from './dns.ts';
import { validateLabelValue, validateQualifiedName } from './labels.ts';
import { byteLength } from './messages.ts';

export const ANNOTATIONS_SIZE_MAX_BYTES = 256 * 1024;
const FIELD_MANAGER_LENGTH_MAX = 128;
const SUBRESOURCE_LENGTH_MAX = 256;
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

export interface ObjectMetaRules {
  readonly namespaced: boolean;
  readonly validateName: NameValidator;
}

/** Rules on creation, after name generation. `field` is where the metadata is, mostly `metadata`. */
export function validateObjectMeta(
  meta: Partial<ObjectMeta>,
  { namespaced, validateName }: ObjectMetaRules,
  errors: FieldErrors,
  field = 'metadata',
): void {
  const { name = '', generateName = '', namespace = '', generation = 0 } = meta;
  if (generateName !== '') {
    addInvalid(errors, `${field}.generateName`, generateName, validateName(generateName, true));
  }
  if (name === '') errors.required(`${field}.name`, 'name or generateName is required');
  else addInvalid(errors, `${field}.name`, name, validateName(name, false));
  if (!namespaced) {
    if (namespace !== '') errors.forbidden(`${field}.namespace`, 'not allowed on this type');
  } else if (namespace === '') errors.required(`${field}.namespace`, '');
  else addInvalid(errors, `${field}.namespace`, namespace, nameIsDnsLabel(namespace, false));
  if (generation < 0) errors.invalid(`${field}.generation`, generation, 'must be greater than or equal to 0');
  validateLabels(meta.labels, errors, `${field}.labels`);
  validateAnnotations(meta.annotations, errors, `${field}.annotations`);
  validateOwnerReferences(meta.ownerReferences, errors, `${field}.ownerReferences`);
  validateFinalizers(meta.finalizers, errors, `${field}.finalizers`);
  validateManagedFields(meta.managedFields, errors, `${field}.managedFields`);
}

/** Rules on update: what may not change, and the rules of the parts that may. */
export function validateObjectMetaUpdate(
  next: Partial<ObjectMeta>,
  old: Partial<ObjectMeta>,
  errors: FieldErrors,
  field = 'metadata',
): void {
  if (old.deletionTimestamp !== undefined) {
    validateNoNewFinalizers(next.finalizers, old.finalizers, errors, `${field}.finalizers`);
  }
  if ((next.resourceVersion ?? '') === '') {
    errors.invalid(`${field}.resourceVersion`, '', 'must be specified for an update');
  }
  if ((next.generation ?? 0) < (old.generation ?? 0)) {
    errors.invalid(`${field}.generation`, next.generation ?? 0, 'must not be decremented');
  }
  for (const name of ['name', 'namespace', 'uid'] as const) {
    errors.immutable(`${field}.${name}`, next[name] ?? '', old[name] ?? '');
  }
  for (const name of ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    errors.immutable(`${field}.${name}`, next[name] ?? null, old[name] ?? null);
  }
  validateLabels(next.labels, errors, `${field}.labels`);
  validateAnnotations(next.annotations, errors, `${field}.annotations`);
  validateOwnerReferences(next.ownerReferences, errors, `${field}.ownerReferences`);
  validateManagedFields(next.managedFields, errors, `${field}.managedFields`);
}

export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  errors: FieldErrors,
  field: string,
): void {
  if (labels === undefined) return;
  for (const key of Object.keys(labels)) {
    const value = labels[key] as string;
    addInvalid(errors, field, key, validateQualifiedName(key));
    addInvalid(errors, field, value, validateLabelValue(value));
  }
}

export function validateLabelName(name: string, errors: FieldErrors, field: string): void {
  addInvalid(errors, field, name, validateQualifiedName(name));
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  errors: FieldErrors,
  field: string,
): void {
  if (annotations === undefined) return;
  let sizeBytes = 0;
  for (const key of Object.keys(annotations)) {
    const value = annotations[key] as string;
    addInvalid(errors, field, key, validateQualifiedName(key.toLowerCase()));
    sizeBytes += byteLength(key) + byteLength(value);
  }
  if (sizeBytes > ANNOTATIONS_SIZE_MAX_BYTES) errors.tooLong(field, ANNOTATIONS_SIZE_MAX_BYTES);
}

export function validateOwnerReferences(
  references: readonly OwnerReference[] | undefined,
  errors: FieldErrors,
  field: string,
): void {
  let controller = '';
  for (const reference of references ?? []) {
    validateOwnerReference(reference, errors, field);
    if (reference.controller !== true) continue;
    const name = `${reference.kind}/${reference.name}`;
    if (controller === '') {
      controller = name;
      continue;
    }
    const detail =
      'Only one reference can have Controller set to true. ' +
      `Found "true" in references for ${controller} and ${name}`;
    errors.invalid(field, references, detail);
  }
}

function validateOwnerReference(reference: OwnerReference, errors: FieldErrors, field: string): void {
  const { apiVersion = '', kind = '', name = '', uid = '' } = reference;
  const parts = apiVersion.split('/');
  const version = parts.length > 2 ? '' : (parts[parts.length - 1] ?? '');
  if (version === '') errors.invalid(`${field}.apiVersion`, apiVersion, 'version must not be empty');
  if (kind === '') errors.invalid(`${field}.kind`, kind, 'must not be empty');
  if (name === '') errors.invalid(`${field}.name`, name, 'must not be empty');
  if (uid === '') errors.invalid(`${field}.uid`, uid, 'must not be empty');
  if (apiVersion === 'v1' && kind === 'Event') {
    errors.invalid(field, reference, '/v1, Kind=Event is disallowed from being an owner');
  }
}

export function validateFinalizers(
  finalizers: readonly string[] | undefined,
  errors: FieldErrors,
  field: string,
): void {
  for (const name of finalizers ?? []) addInvalid(errors, field, name, validateQualifiedName(name));
  if (finalizers?.includes(ORPHAN) && finalizers.includes(FOREGROUND)) {
    errors.invalid(field, finalizers, `finalizer ${ORPHAN} and ${FOREGROUND} cannot be both set`);
  }
}

const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', ORPHAN, FOREGROUND]);

/** Of the kinds of Kubernetes itself. Source: kubernetes pkg/apis/core/validation validateKubeFinalizerName. */
export function validateKubeFinalizers(
  finalizers: readonly string[] | undefined,
  errors: FieldErrors,
  field = 'metadata.finalizers',
): void {
  for (const [i, name] of (finalizers ?? []).entries()) {
    if (name.includes('/') || STANDARD_FINALIZERS.has(name)) continue;
    errors.invalid(`${field}[${i}]`, name, 'name is neither a standard finalizer name nor is it fully qualified');
  }
}

/** Once an object is being deleted, its finalizers can only go. */
export function validateNoNewFinalizers(
  next: readonly string[] | undefined,
  old: readonly string[] | undefined,
  errors: FieldErrors,
  field: string,
): void {
  const added = [...new Set(next)].filter((name) => old?.includes(name) !== true).sort();
  if (added.length === 0) return;
  const list = `[]string{${added.map((name) => JSON.stringify(name)).join(', ')}}`;
  errors.forbidden(
    field,
    `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`,
  );
}

export function validateManagedFields(
  entries: readonly ManagedFieldsEntry[] | undefined,
  errors: FieldErrors,
  field: string,
): void {
  for (const [i, entry] of (entries ?? []).entries()) {
    if (isPlainEntry(entry)) continue;
    const at = `${field}[${i}]`;
    const { operation = '', fieldsType = '', manager = '', subresource = '' } = entry as Record<string, string>;
    if (operation !== 'Apply' && operation !== 'Update') {
      errors.invalid(`${at}.operation`, operation, 'must be `Apply` or `Update`');
    }
    if (fieldsType !== '' && fieldsType !== 'FieldsV1') {
      errors.invalid(`${at}.fieldsType`, fieldsType, 'must be `FieldsV1`');
    }
    validateFieldManager(manager, errors, `${at}.manager`);
    if (byteLength(subresource) > SUBRESOURCE_LENGTH_MAX) errors.tooLong(`${at}.subresource`, SUBRESOURCE_LENGTH_MAX);
  }
}

const PLAIN = /^[ -~]*$/;

/** As almost all are: nothing is wrong with it. */
function isPlainEntry(entry: ManagedFieldsEntry): boolean {
  const { operation, fieldsType, manager = '', subresource = '' } = entry as Record<string, string>;
  if ((operation !== 'Apply' && operation !== 'Update') || fieldsType !== 'FieldsV1') return false;
  return isPlainManager(manager) && subresource.length <= SUBRESOURCE_LENGTH_MAX && PLAIN.test(subresource);
}

const isPlainManager = (manager: string) => manager.length <= FIELD_MANAGER_LENGTH_MAX && PLAIN.test(manager);

/** Also for the query parameter `fieldManager`. */
export function validateFieldManager(manager: string, errors: FieldErrors, field: string): void {
  if (isPlainManager(manager)) return;
  if (byteLength(manager) > FIELD_MANAGER_LENGTH_MAX) errors.tooLong(field, FIELD_MANAGER_LENGTH_MAX);
  let position = 0;
  for (const character of manager) {
    if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) {
      const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      errors.invalid(field, manager, `invalid character U+${code} (at position ${position})`);
    }
    position += byteLength(character);
  }
}

function addInvalid(errors: FieldErrors, field: string, value: unknown, messages: readonly string[]): void {
  for (const message of messages) errors.invalid(field, value, message);
}
