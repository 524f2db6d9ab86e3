/** Rules for CronJobs. Source: kubernetes pkg/apis/batch/validation, ValidateCronJob. */
import type { CronJob } from '@kapella/api/types/batch-v1';
import type { FieldErrors } from '@kapella/base';

export function validateCronJob(_job: CronJob, _errors: FieldErrors): void {}
export function validateCronJobUpdate(_next: CronJob, _old: CronJob, _errors: FieldErrors): void {}
