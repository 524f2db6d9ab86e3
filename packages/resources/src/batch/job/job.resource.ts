/** batch/v1 Job, as the API server sees it. Source: kubernetes pkg/registry/batch/job. */
import type { Job } from '@kapella/api/types/batch-v1';
import { defineResource } from '@kapella/apiserver';
import { parseTime } from '@kapella/base';
import { ageColumn, nameColumn, podColumns } from '../../support/columns.ts';
import { formatSelector, humanDuration } from '../../support/format.ts';
import { templateWarnings } from '../../support/warnings.ts';
import { withJobSpecDefaults } from './job.defaults.ts';
import { validateJob, validateJobUpdate } from './job.validate.ts';

const UID_LABEL = 'batch.kubernetes.io/controller-uid';

export const jobResource = defineResource<Job>({
  id: { group: 'batch', version: 'v1', kind: 'Job', plural: 'jobs', singular: 'job' },
  names: { categories: ['all'] },
  scope: 'namespaced',
  orphansByDefault: true,
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: { status: { writes: ['status'] } },
  selectableFields: { 'status.successful': (job) => String(job.status?.succeeded ?? 0) },
  columns: [
    nameColumn(),
    { name: 'Status', value: statusOf },
    { name: 'Completions', value: completionsOf },
    { name: 'Duration', value: durationOf },
    ageColumn(),
    ...podColumns<Job>((job) => job.spec.template.spec),
    { name: 'Selector', wide: true, value: (job) => formatSelector(job.spec.selector) },
  ],
  withDefaults(job) {
    const spec = withJobSpecDefaults(job.spec ?? {});
    const labels = spec.template.metadata?.labels;
    const labelled = Object.keys(job.metadata.labels ?? {}).length > 0;
    return { ...job, metadata: labelled || !labels ? job.metadata : { ...job.metadata, labels }, spec };
  },
  prepareForCreate: (job) => withTemplateLabels(withGeneratedSelector(job)),
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  allowUnconditionalUpdate: true,
  warnings: templateWarnings((job) => job.spec.template, { nameIsHostname: true }),
});

/** As the defaults of what is read again: a Job without labels has those of its Pods. */
function withTemplateLabels(job: Job): Job {
  const { labels } = job.spec.template.metadata ?? {};
  if (labels === undefined || Object.keys(job.metadata.labels ?? {}).length > 0) return job;
  return { ...job, metadata: { ...job.metadata, labels } };
}

/** Selects by the Job's own uid, so metadata.name and uid must be set before. */
function withGeneratedSelector(job: Job): Job {
  if (job.spec.manualSelector === true) return job;
  const { name, uid } = job.metadata;
  const labels = {
    'job-name': name,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    [UID_LABEL]: uid,
    ...job.spec.template.metadata?.labels,
  };
  const { selector, template } = job.spec;
  return {
    ...job,
    spec: {
      ...job.spec,
      selector: { ...selector, matchLabels: { [UID_LABEL]: uid, ...selector?.matchLabels } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

const STATUS_WORDS = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
  ['', 'Terminating'],
  ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'],
  ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
] as const;

function statusOf({ metadata, status }: Job): string {
  const isTrue = (type: string) => status?.conditions?.find((c) => c.type === type)?.status === 'True';
  for (const [condition, word] of STATUS_WORDS) {
    if (condition === '' ? metadata.deletionTimestamp !== undefined : isTrue(condition)) return word;
  }
  return 'Running';
}

function completionsOf({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${done}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function durationOf({ status }: Job, nowMs: number): string {
  const startMs = parseTime(status?.startTime);
  return startMs === undefined ? '' : humanDuration((parseTime(status?.completionTime) ?? nowMs) - startMs);
}
