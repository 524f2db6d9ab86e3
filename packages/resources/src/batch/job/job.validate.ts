/** Rules for Jobs. Source: kubernetes pkg/apis/batch/validation, ValidateJob. */
import type { Job } from '@kapella/api/types/batch-v1';
import type { FieldErrors } from '@kapella/base';

export function validateJob(_job: Job, _errors: FieldErrors): void {}
export function validateJobUpdate(_next: Job, _old: Job, _errors: FieldErrors): void {}
