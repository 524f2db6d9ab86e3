/** Rules for PersistentVolumeClaims. Source: kubernetes pkg/apis/core/validation, ValidatePersistentVolumeClaim. */
import type { PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { validateClaimSpec } from './claim-spec.validate.ts';

export function validateClaim(claim: PersistentVolumeClaim, errors: FieldErrors): void {
  validateClaimSpec(claim.spec, errors, 'spec');
}
export function validateClaimUpdate(next: PersistentVolumeClaim, _old: PersistentVolumeClaim, errors: FieldErrors): void {
  validateClaim(next, errors);
}
export function validateClaimStatusUpdate(_next: PersistentVolumeClaim, _old: PersistentVolumeClaim, _errors: FieldErrors): void {}
