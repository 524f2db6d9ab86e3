/** Rules for CronJobs. Source: kubernetes pkg/apis/batch/validation, validateCronJobSpec. */
import type { CronJob } from '@kapella/api/types/batch-v1';
import type { FieldErrors } from '@kapella/base';
import { checkNotNegative } from '../../support/validation/basic.ts';
import { checkJobSpec } from '../job/job.validate.ts';
import { isTimeZone, scheduleProblem } from './cron-schedule.ts';

/** Jobs add 11 characters to the name. */
const NAME_LENGTH_MAX = 52;
const POLICIES = ['Allow', 'Forbid', 'Replace'];

export function validateCronJob(job: CronJob, errors: FieldErrors): void {
  checkSpec(job, undefined, errors);
  const { name = '' } = job.metadata;
  if (name.length > NAME_LENGTH_MAX) {
    errors.invalid('metadata.name', name, `must be no more than ${NAME_LENGTH_MAX} characters`);
  }
}

export function validateCronJobUpdate(next: CronJob, old: CronJob, errors: FieldErrors): void {
  checkSpec(next, old, errors);
}

function checkSpec({ spec }: CronJob, old: CronJob | undefined, errors: FieldErrors): void {
  checkSchedule(spec, old?.spec.schedule?.includes('TZ') ?? false, errors);
  checkNotNegative(spec.startingDeadlineSeconds, errors, 'spec.startingDeadlineSeconds');
  if (old === undefined || old.spec.timeZone !== spec.timeZone) checkTimeZone(spec.timeZone, errors);
  const policy = spec.concurrencyPolicy;
  if (!policy) errors.required('spec.concurrencyPolicy');
  else if (!POLICIES.includes(policy)) errors.notSupported('spec.concurrencyPolicy', policy, POLICIES);
  const template = spec.jobTemplate.spec ?? ({} as never);
  checkJobSpec(template, errors, 'spec.jobTemplate.spec');
  if (template.selector !== undefined) {
    errors.invalid('spec.jobTemplate.spec.selector', template.selector, '`selector` will be auto-generated');
  }
  if (template.manualSelector === true) {
    errors.notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']);
  }
  checkNotNegative(spec.successfulJobsHistoryLimit, errors, 'spec.successfulJobsHistoryLimit');
  checkNotNegative(spec.failedJobsHistoryLimit, errors, 'spec.failedJobsHistoryLimit');
}

function checkSchedule({ schedule, timeZone }: CronJob['spec'], mayHaveZone: boolean, errors: FieldErrors): void {
  if (!schedule) {
    errors.required('spec.schedule');
    return;
  }
  const problem = scheduleProblem(schedule);
  if (problem !== undefined) errors.invalid('spec.schedule', schedule, problem);
  if (!schedule.includes('TZ')) return;
  if (!mayHaveZone) {
    errors.invalid('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
  } else if (timeZone !== undefined) {
    errors.invalid('spec.schedule', schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule');
  }
}

function checkTimeZone(zone: string | undefined, errors: FieldErrors): void {
  if (zone === undefined) return;
  const field = 'spec.timeZone';
  if (zone === '') errors.invalid(field, zone, 'timeZone must be nil or non-empty string');
  else if (zone.toLowerCase() === 'local') {
    const why = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    errors.invalid(field, zone, why);
  } else if (!isTimeZone(zone)) errors.invalid(field, zone, `unknown time zone ${zone}`);
}
