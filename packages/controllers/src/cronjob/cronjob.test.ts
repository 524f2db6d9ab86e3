/** CronJobs over an API in memory and a virtual clock that begins on 2026-01-01 at 00:00. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchV1 } from '@kapella/api';
import type { CronJob, Job } from '@kapella/api/types/batch-v1';
import { createHarness } from '../workload/harness.test-support.ts';
import { parseCron } from './cron-schedule.ts';
import { createCronJobController } from './cronjob.controller.ts';
import { mostRecentStart, untilNextStartMs } from './missed-times.ts';
import { planStart } from './plan-cronjob.ts';
import { formatInZone, formatRfc1123 } from './zone-time.ts';

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 0, 1);

const cronJobOf = (spec: object = {}, metadata: object = {}): CronJob =>
  ({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'tick', namespace: 'default', ...metadata },
    spec: {
      schedule: '*/5 * * * *',
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: {
        metadata: { labels: { a: 'b' }, annotations: { c: 'd' } },
        spec: { template: { spec: { containers: [] } } },
      },
      ...spec,
    },
  }) as never;

async function begin(spec: object = {}) {
  const harness = createHarness();
  const { api, client, ctx, clock } = harness;
  api.seed(cronJobOf(spec));
  await harness.start(createCronJobController(harness.deps));
  const read = () => api.objects(batchV1.CronJob)[0] as CronJob;
  const jobs = () => api.objects(batchV1.Job);
  const minutes = (count: number) => clock.advance(count * MINUTE_MS + 200);
  const end = async (job: Job | undefined, type: 'Complete' | 'Failed' = 'Complete') => {
    const completionTime = new Date(clock.nowMs()).toISOString().replace(/\.\d+/, '');
    const status = {
      conditions: [{ type, status: 'True' }],
      startTime: completionTime,
      ...(type === 'Complete' && { completionTime }),
    };
    await client.patchStatus(batchV1.Job, job as Job, status, ctx);
    await clock.settle();
  };
  const patch = async (body: object) => {
    await client.patch(batchV1.CronJob, { namespace: 'default', name: 'tick' }, { type: 'merge', body }, ctx);
    await clock.settle();
  };
  return { ...harness, read, jobs, minutes, end, patch, names: () => jobs().map((job) => job.metadata.name) };
}

test('a Job per start, named after its minute, with the time as annotation', async () => {
  const t = await begin();
  await t.minutes(4);
  assert.deepEqual(t.names(), []);
  await t.minutes(1);
  const minute = START_MS / MINUTE_MS + 5;
  assert.deepEqual(t.names(), [`tick-${minute}`]);
  const [job] = t.jobs();
  assert.deepEqual(job?.metadata.annotations, {
    c: 'd',
    'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:05:00Z',
  });
  assert.deepEqual(job?.metadata.labels, { a: 'b' });
  assert.equal(job?.metadata.ownerReferences?.[0]?.kind, 'CronJob');
  const { status } = t.read();
  assert.equal(status?.lastScheduleTime, '2026-01-01T00:05:00Z');
  assert.deepEqual(
    status?.active?.map(({ kind, apiVersion, name }) => [kind, apiVersion, name]),
    [['Job', 'batch/v1', `tick-${minute}`]],
  );
  await t.minutes(5);
  assert.equal(t.names().length, 2);
  assert.deepEqual(t.told[0], {
    about: 'tick',
    type: 'Normal',
    reason: 'SuccessfulCreate',
    message: `Created job tick-${minute}`,
  });
  await t.stop();
});

test('finished Jobs leave the active list; the last success is noted; history keeps its limits', async () => {
  const t = await begin({ successfulJobsHistoryLimit: 1 });
  await t.minutes(5);
  await t.end(t.jobs()[0]);
  assert.equal(t.read().status?.active, undefined);
  assert.equal(t.read().status?.lastSuccessfulTime, '2026-01-01T00:05:00Z');
  assert.equal(t.told.at(-1)?.message, `Saw completed job: ${t.names()[0]}, condition: Complete`);
  await t.minutes(5);
  const [first, second] = t.jobs();
  await t.end(second);
  assert.deepEqual(t.names(), [second?.metadata.name]);
  assert.ok(t.told.some((event) => event.message === `Deleted job ${first?.metadata.name}`));
  await t.stop();
});

test('Forbid waits for the one before, Replace removes it', async () => {
  const forbid = await begin({ concurrencyPolicy: 'Forbid' });
  await forbid.minutes(10);
  assert.equal(forbid.names().length, 1);
  assert.ok(forbid.told.some((event) => event.reason === 'JobAlreadyActive'));
  await forbid.end(forbid.jobs()[0]);
  assert.equal(forbid.names().length, 2);
  await forbid.stop();

  const replace = await begin({ concurrencyPolicy: 'Replace' });
  await replace.minutes(5);
  const [first] = replace.names();
  await replace.minutes(5);
  assert.equal(replace.names().length, 1);
  assert.notEqual(replace.names()[0], first);
  assert.equal(replace.read().status?.active?.length, 1);
  await replace.stop();
});

test('suspended: nothing; resumed: the last missed start, once', async () => {
  const t = await begin({ suspend: true });
  await t.minutes(23);
  assert.deepEqual(t.names(), []);
  await t.patch({ spec: { suspend: false } });
  assert.deepEqual(t.names(), [`tick-${START_MS / MINUTE_MS + 20}`]);
  await t.stop();
});

test('a deadline keeps a late start from being made up for', async () => {
  const t = await begin({ suspend: true, startingDeadlineSeconds: 60 });
  await t.minutes(23);
  await t.patch({ spec: { suspend: false } });
  assert.deepEqual(t.names(), []);
  await t.minutes(2);
  assert.deepEqual(t.names(), [`tick-${START_MS / MINUTE_MS + 25}`]);
  await t.stop();
});

test('a new schedule begins with its next start', async () => {
  const t = await begin({ schedule: '0 * * * *' });
  await t.minutes(22);
  await t.patch({ spec: { schedule: '*/5 * * * *' } });
  assert.deepEqual(t.names(), []);
  await t.minutes(3);
  assert.deepEqual(t.names(), [`tick-${START_MS / MINUTE_MS + 25}`]);
  await t.stop();
});

test('an active Job that is gone is missed once; one that nobody knows is told', async () => {
  const t = await begin();
  await t.minutes(5);
  const [job] = t.jobs();
  await t.client.delete(batchV1.Job, job as Job, t.ctx);
  await t.clock.settle();
  assert.equal(t.told.at(-1)?.message, `Active job went missing: ${job?.metadata.name}`);
  assert.equal(t.read().status?.active, undefined);
  const stranger = {
    ...job,
    metadata: { name: 'stranger', namespace: 'default', ownerReferences: job?.metadata.ownerReferences },
  };
  await t.client.create(batchV1.Job, stranger as never, t.ctx);
  await t.clock.settle();
  assert.equal(t.told.at(-1)?.message, 'Saw a job that the controller did not create or forgot: stranger');
  await t.stop();
});

test('what is wrong is told, and nothing starts', () => {
  const created = { uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
  const rows: readonly [object, string, string][] = [
    [{ timeZone: 'Mars/Base' }, 'UnknownTimeZone', 'invalid timeZone: "Mars/Base": unknown time zone Mars/Base'],
    [
      { schedule: '* *' },
      'UnparseableSchedule',
      'unparseable schedule: "* *" : expected exactly 5 fields, found 2: [* *]',
    ],
    [
      { schedule: '0 0 31 2 *' },
      'InvalidSchedule',
      'invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second',
    ],
  ];
  for (const [spec, reason, message] of rows) {
    const plan = planStart(cronJobOf(spec, created), START_MS + 60 * MINUTE_MS);
    assert.deepEqual(
      plan.events.map((event) => [event.reason, event.message]),
      [[reason, message]],
    );
    assert.equal(plan.startMs, undefined);
  }
  const late = planStart(cronJobOf({ schedule: '* * * * *' }, created), START_MS + 101 * MINUTE_MS);
  assert.deepEqual(
    late.events.map((event) => event.reason),
    ['TooManyMissedTimes'],
  );
  assert.equal(late.startMs, START_MS + 101 * MINUTE_MS);
});

test('missed starts', () => {
  const at = (minutes: number, schedule = '*/10 * * * *') => {
    const cronJob = cronJobOf({ schedule }, { creationTimestamp: '2026-01-01T00:00:00Z' });
    const nowMs = START_MS + minutes * MINUTE_MS;
    const { dueMs, missed } = mostRecentStart(cronJob, parseCron(schedule), nowMs, true);
    const nextMs = untilNextStartMs(cronJob, parseCron(schedule), nowMs) ?? 0;
    return [dueMs === undefined ? undefined : (dueMs - START_MS) / MINUTE_MS, missed, Math.floor(nextMs / MINUTE_MS)];
  };
  assert.deepEqual(at(9), [undefined, 'none', 1]);
  assert.deepEqual(at(10), [10, 'none', 10]);
  assert.deepEqual(at(35), [30, 'few', 5]);
  assert.deepEqual(at(1011), [1010, 'many', 9]);
  assert.deepEqual(at(35, '@every 7m'), [35, 'few', 7]);
});

test('times as zones write them', () => {
  assert.equal(formatInZone(START_MS, 'UTC'), '2026-01-01T00:00:00Z');
  assert.equal(formatInZone(START_MS, 'Europe/Berlin'), '2026-01-01T01:00:00+01:00');
  assert.equal(formatInZone(START_MS, 'America/St_Johns'), '2025-12-31T20:30:00-03:30');
  assert.equal(formatRfc1123(START_MS), 'Thu, 01 Jan 2026 00:00:00 +0000');
});
