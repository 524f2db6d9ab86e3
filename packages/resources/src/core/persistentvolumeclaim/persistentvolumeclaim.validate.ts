/** Rules for PersistentVolumeClaims. Source: kubernetes pkg/apis/core/validation, ValidatePersistentVolumeClaimUpdate. */
import { Quantity } from '@kapella/api';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { tryQuantity } from '../../support/resource-list.ts';
import { checkNotNegativeQuantity } from '../../support/validation/quantities.ts';
import { validateClaimSpec } from './claim-spec.validate.ts';

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
const FIXED =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n';

export function validateClaim(claim: PersistentVolumeClaim, errors: FieldErrors): void {
  validateClaimSpec(claim.spec, errors, 'spec');
}

export function validateClaimUpdate(
  next: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
  errors: FieldErrors,
): void {
  validateClaim(next, errors);
  const bound = old.status?.phase === 'Bound';
  if (!jsonEqual(comparable(next.spec, old, bound), comparable(old.spec, old, bound, next.spec.volumeName))) {
    errors.forbidden('spec', FIXED);
  }
  const sizeOf = (text: string | undefined) => tryQuantity(text) ?? Quantity.zero;
  const size = sizeOf(next.spec.resources?.requests?.storage);
  if (size.compare(sizeOf(old.spec.resources?.requests?.storage)) < 0) {
    if (size.compare(sizeOf(old.status?.capacity?.storage)) <= 0) {
      errors.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity');
    }
  }
  errors.immutable('volumeMode', next.spec.volumeMode, old.spec.volumeMode);
  const attributes = next.spec.volumeAttributesClassName;
  if (attributes === old.spec.volumeAttributesClassName) return;
  if (old.status?.currentVolumeAttributesClassName === undefined || attributes) return;
  const to = attributes === undefined ? 'nil' : 'empty string';
  const why = `update to ${to} is forbidden when status.currentVolumeAttributesClassName is not nil`;
  errors.forbidden('spec.volumeAttributesClassName', why);
}

/** The spec with the stored values of what may change: binding, growth once bound, the class where there was none. */
function comparable(
  spec: PersistentVolumeClaimSpec,
  old: PersistentVolumeClaim,
  bound: boolean,
  volumeName = spec.volumeName,
): PersistentVolumeClaimSpec {
  const annotation = old.metadata.annotations?.[CLASS_ANNOTATION];
  const named = old.spec.storageClassName;
  const mayName = named === undefined && (annotation === undefined || spec.storageClassName === annotation);
  return {
    ...spec,
    volumeName: old.spec.volumeName || volumeName,
    ...(old.spec.volumeName && { volumeName: spec.volumeName }),
    ...(mayName && { storageClassName: undefined }),
    ...(bound && {
      volumeAttributesClassName: undefined,
      resources: { ...spec.resources, requests: { ...spec.resources?.requests, storage: '' } },
    }),
  };
}

export function validateClaimStatusUpdate(
  next: PersistentVolumeClaim,
  _old: PersistentVolumeClaim,
  errors: FieldErrors,
): void {
  if ((next.spec.accessModes?.length ?? 0) === 0) errors.required('Spec.accessModes');
  for (const [name, amount] of Object.entries(next.status?.capacity ?? {})) {
    checkNotNegativeQuantity(amount, errors, `status.capacity[${name}]`);
  }
  for (const [name, amount] of Object.entries(next.status?.allocatedResources ?? {})) {
    checkNotNegativeQuantity(amount, errors, `status.allocatedResources[${name}]`);
  }
}
