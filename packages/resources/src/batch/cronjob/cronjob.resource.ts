/** batch/v1 CronJob, as the API server sees it. Source: kubernetes pkg/registry/batch/cronjob. */
import type { CronJob, CronJobSpec } from '@kapella/api/types/batch-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn, podColumns } from '../../support/columns.ts';
import { formatSelector, sinceTime } from '../../support/format.ts';
import { templateWarnings } from '../../support/warnings.ts';
import { withJobTemplateDefaults } from '../job/job.defaults.ts';
import { validateCronJob, validateCronJobUpdate } from './cronjob.validate.ts';

export const cronJobResource = defineResource<CronJob>({
  id: { group: 'batch', version: 'v1', kind: 'CronJob', plural: 'cronjobs', singular: 'cronjob' },
  names: { short: ['cj'], categories: ['all'] },
  scope: 'namespaced',
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: { status: { writes: ['status'] } },
  columns: [
    nameColumn(),
    { name: 'Schedule', value: (job) => job.spec.schedule ?? '' },
    { name: 'Timezone', value: (job) => job.spec.timeZone ?? '<none>' },
    { name: 'Suspend', type: 'boolean', value: (job) => (job.spec.suspend === true ? 'True' : 'False') },
    { name: 'Active', type: 'integer', value: (job) => job.status?.active?.length ?? 0 },
    {
      name: 'Last Schedule',
      value: ({ status }, nowMs) => (status?.lastScheduleTime ? sinceTime(status.lastScheduleTime, nowMs) : '<none>'),
    },
    ageColumn(),
    ...podColumns<CronJob>((job) => job.spec.jobTemplate.spec?.template.spec),
    { name: 'Selector', wide: true, value: (job) => formatSelector(job.spec.jobTemplate.spec?.selector) },
  ],
  withDefaults: (job) => ({ ...job, spec: withSpecDefaults(job.spec ?? {}) }),
  validate: validateCronJob,
  validateUpdate: validateCronJobUpdate,
  allowUnconditionalUpdate: true,
  warnings: templateWarnings((job) => job.spec.jobTemplate.spec?.template, {
    nameIsHostname: true,
    field: 'spec.jobTemplate.spec.template',
  }),
});

function withSpecDefaults(spec: CronJobSpec): CronJobSpec {
  return {
    ...spec,
    concurrencyPolicy: spec.concurrencyPolicy || 'Allow',
    suspend: spec.suspend ?? false,
    successfulJobsHistoryLimit: spec.successfulJobsHistoryLimit ?? 3,
    failedJobsHistoryLimit: spec.failedJobsHistoryLimit ?? 1,
    jobTemplate: { ...spec.jobTemplate, spec: withJobTemplateDefaults(spec.jobTemplate?.spec ?? ({} as never)) },
  };
}
