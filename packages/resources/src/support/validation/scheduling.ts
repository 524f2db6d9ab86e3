/** Tolerations. Source: kubernetes pkg/apis/core/validation, ValidateTolerations. */
import type { Toleration } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';

export function checkTolerations(_tolerations: readonly Toleration[], _errors: FieldErrors, _field: string): void {}
