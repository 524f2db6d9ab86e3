/** Rules for claim specs. Source: kubernetes pkg/apis/core/validation, ValidatePersistentVolumeClaimSpec. */
import type { PersistentVolumeClaimSpec } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';

export function validateClaimSpec(_spec: PersistentVolumeClaimSpec, _errors: FieldErrors, _field: string): void {}
