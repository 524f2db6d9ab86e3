/** Jobs and CronJobs: defaults and upstream's wording. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob, Job } from '@kapella/api/types/batch-v1';
import { created, createErrors, given, updateErrors } from '../testing/harness.ts';
import { scheduleProblem } from './cronjob/cron-schedule.ts';
import { cronJobResource } from './cronjob/cronjob.resource.ts';
import { jobResource } from './job/job.resource.ts';

const template = (part: object = {}) => ({
  spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never', ...part },
});
const job = (spec: object = {}) => given<Job>({ kind: 'Job', spec: { template: template(), ...spec } });
const cron = (spec: object = {}, metadata: object = {}) =>
  given<CronJob>({
    kind: 'CronJob',
    metadata,
    spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: template() } }, ...spec },
  });

test('a Job selects the Pods of its own uid', () => {
  const { spec } = created(jobResource, job());
  const labels = {
    'batch.kubernetes.io/controller-uid': 'uid-1',
    'batch.kubernetes.io/job-name': 'web',
    'controller-uid': 'uid-1',
    'job-name': 'web',
  };
  assert.deepEqual(spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'uid-1' } });
  assert.deepEqual({ ...spec.template.metadata?.labels }, labels);
  const { parallelism, completions, backoffLimit, completionMode, suspend, podReplacementPolicy } = spec;
  assert.deepEqual(
    { parallelism, completions, backoffLimit, completionMode, suspend, podReplacementPolicy },
    {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
    },
  );
  assert.deepEqual(createErrors(jobResource, job()), []);
});

test('errors of Jobs', () => {
  assert.deepEqual(createErrors(jobResource, job({ template: template({ restartPolicy: 'Always' }) })), [
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
  ]);
  assert.deepEqual(createErrors(jobResource, job({ parallelism: -1, backoffLimitPerIndex: 1 })), [
    'spec.parallelism: Invalid value: -1: must be greater than or equal to 0',
    'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
  ]);
  assert.deepEqual(createErrors(jobResource, job({ completionMode: 'Indexed', parallelism: 2 })), [
    'spec.completions: Required value: when completion mode is Indexed',
  ]);
});

test('the template of a Job stays, unless it waits suspended', () => {
  const other = { template: template({ nodeSelector: { disk: 'ssd' } }) };
  const [error, ...more] = updateErrors(jobResource, withLabelsOf(job(other), job()), job());
  assert.match(error ?? '', /^spec\.template: Invalid value: .*: field is immutable$/s);
  assert.deepEqual(more, []);
  const waiting = job({ suspend: true });
  assert.deepEqual(updateErrors(jobResource, withLabelsOf(job({ ...other, suspend: true }), waiting), waiting), []);
});

/** A client sends back what it read: the labels and the selector that were generated. */
function withLabelsOf(next: Job, old: Job): Job {
  const { spec } = created(jobResource, old);
  const { selector } = spec;
  return {
    ...next,
    spec: {
      ...next.spec,
      ...(selector && { selector }),
      template: { ...next.spec.template, metadata: spec.template.metadata },
    },
  } as Job;
}

test('errors of CronJobs', () => {
  assert.deepEqual(createErrors(cronJobResource, cron()), []);
  assert.deepEqual(createErrors(cronJobResource, cron({ schedule: '* * * *', timeZone: 'Moon/Sea' })), [
    'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]',
    'spec.timeZone: Invalid value: "Moon/Sea": unknown time zone Moon/Sea',
  ]);
  const name = 'n'.repeat(53);
  assert.deepEqual(createErrors(cronJobResource, cron({ concurrencyPolicy: 'Maybe' }, { name })), [
    'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
    `metadata.name: Invalid value: "${name}": must be no more than 52 characters`,
  ]);
});

test('schedules', () => {
  const good = [
    '* * * * *',
    '*/15 0,12 1-31/2 jan-DEC sun-5',
    '@hourly',
    '@every 1h30m',
    'TZ=UTC 0 0 1 1 ?',
    '5/10 * * * *',
  ];
  for (const schedule of good) assert.equal(scheduleProblem(schedule), undefined, schedule);
  const bad: Readonly<Record<string, string>> = {
    '': 'empty spec string',
    '60 * * * *': 'end of range (60) above maximum (59): 60',
    '* * 0 * *': 'beginning of range (0) below minimum (1): 0',
    '5-1 * * * *': 'beginning of range (5) beyond end of range (1): 5-1',
    '*/0 * * * *': 'step of range should be a positive number: */0',
    '1-2-3 * * * *': 'too many hyphens: 1-2-3',
    '1/2/3 * * * *': 'too many slashes: 1/2/3',
    'x * * * *': 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax',
    '@fortnightly': 'unrecognized descriptor: @fortnightly',
    '@every soon': 'failed to parse duration @every soon: time: invalid duration "soon"',
  };
  for (const [schedule, problem] of Object.entries(bad)) assert.equal(scheduleProblem(schedule), problem);
});
