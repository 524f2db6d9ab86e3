/** Job and CronJob. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob, Job } from '@kapella/api/types/batch-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { podSpec } from '../../support/manifests.ts';
import { openSession, type Session } from '../../support/session.ts';

/** A minute boundary can be a minute away; what starts at it has some seconds. */
const FIRING_MS_MAX = 80_000;

const job = (name: string, script: string, spec: object = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: { template: { spec: podSpec({ script, spec: { restartPolicy: 'Never' } }) }, ...spec },
});

const jobIs = async (s: Session, name: string, type: string) => {
  await s.k(`wait --for=condition=${type} job/${name} --timeout=60s`);
  return s.get<Job>('batch/v1', 'jobs', name);
};

export function batchTests(cluster: () => TestCluster): void {
  test('CronJob: fires at its minute, keeps its history, starts by hand', async () => {
    const s = await openSession(cluster(), 'cron');
    await s.apply({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'tick' },
      spec: { schedule: '* * * * *', jobTemplate: { spec: job('', 'echo tick').spec } },
    });
    assert.match(await s.k('get cronjob tick'), /tick\s+\* \* \* \* \*\s+<none>\s+False\s+0\s+<none>/);
    await s.k('create job by-hand --from=cronjob/tick');
    await jobIs(s, 'by-hand', 'Complete');
    assert.equal(await s.k('logs job/by-hand'), 'tick\n');
    const fired = await eventually(
      'it fired',
      async () => {
        const { status } = await s.get<CronJob>('batch/v1', 'cronjobs', 'tick');
        // What was started by hand has succeeded as well, but was not scheduled.
        const { lastScheduleTime, lastSuccessfulTime } = status ?? {};
        if (lastScheduleTime === undefined || lastSuccessfulTime === undefined) return undefined;
        return Date.parse(lastSuccessfulTime) >= Date.parse(lastScheduleTime) && status;
      },
      FIRING_MS_MAX,
    );
    assert.equal(new Date(fired.lastScheduleTime ?? '').getUTCSeconds(), 0);
    await s.eventOf('tick', 'SuccessfulCreate', /Created job tick-\d+/);
    await s.k(`patch cronjob tick -p '{"spec":{"suspend":true}}'`);
    assert.match(await s.k('get cronjob tick'), /True\s+0/);
  });

  test('Job: completions in parallel, counted, and the Pods stay', async () => {
    const s = await openSession(cluster(), 'job');
    await s.apply(job('sum', 'echo $((6*7)); sleep 0.5', { completions: 3, parallelism: 2 }));
    const { status } = await jobIs(s, 'sum', 'Complete');
    assert.equal(status?.succeeded, 3);
    assert.ok(status?.completionTime !== undefined);
    const pods = await s.pods('batch.kubernetes.io/job-name=sum');
    assert.equal(pods.length, 3);
    const startsOf = pods.map((pod) => Date.parse(pod.status?.startTime ?? '')).toSorted((a, b) => a - b);
    const ends = pods.map((pod) => Date.parse(pod.status?.containerStatuses?.[0]?.state?.terminated?.finishedAt ?? ''));
    assert.ok((startsOf[2] ?? 0) >= Math.min(...ends), 'never more than two at once');
    assert.match(await s.k('get job sum'), /sum\s+Complete\s+3\/3/);
    assert.equal(await s.k(`logs ${pods[0]?.metadata.name}`), '42\n');
    await s.k('delete job sum');
    await eventually('its Pods are gone', async () => (await s.pods('batch.kubernetes.io/job-name=sum')).length === 0);
  });

  test('indexed Job: each index once, in environment and host name', async () => {
    const s = await openSession(cluster(), 'indexed');
    const script = 'echo $JOB_COMPLETION_INDEX $(hostname)';
    await s.apply(job('rows', script, { completions: 3, parallelism: 3, completionMode: 'Indexed' }));
    const { status } = await jobIs(s, 'rows', 'Complete');
    assert.equal(status?.completedIndexes, '0-2');
    const logs = await s.k('logs -l batch.kubernetes.io/job-name=rows --max-log-requests=9');
    assert.deepEqual(logs.trim().split('\n').toSorted(), ['0 rows-0', '1 rows-1', '2 rows-2']);
  });

  test('Job: failures are tried again with back-off up to the limit', async () => {
    const s = await openSession(cluster(), 'backoff');
    await s.apply(job('bad', 'exit 5', { backoffLimit: 1 }));
    const { status } = await jobIs(s, 'bad', 'Failed');
    const condition = status?.conditions?.find(({ type }) => type === 'Failed');
    assert.equal(condition?.reason, 'BackoffLimitExceeded');
    assert.equal(status?.failed, 2);
    const created = (await s.pods('batch.kubernetes.io/job-name=bad'))
      .map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? ''))
      .toSorted((a, b) => a - b);
    assert.equal(created.length, 2);
    const gapMs = (created[1] ?? 0) - (created[0] ?? 0);
    assert.ok(gapMs >= 9000, `the second try came ${gapMs} ms after the first`);
    await s.eventOf('bad', 'BackoffLimitExceeded', /Job has reached the specified backoff limit/);
  });

  test('Job: a deadline, a policy for exit codes, suspension, removal after its time', async () => {
    const s = await openSession(cluster(), 'jobs');
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
    await s.apply(
      job('late', 'sleep 1000', { activeDeadlineSeconds: 2 }),
      job('picky', 'exit 42', { podFailurePolicy: { rules } }),
      job('short', 'true', { ttlSecondsAfterFinished: 1 }),
      job('held', 'true', { suspend: true }),
    );
    const reasonOf = async (name: string) =>
      (await jobIs(s, name, 'Failed')).status?.conditions?.find(({ type }) => type === 'Failed')?.reason;
    assert.equal(await reasonOf('picky'), 'PodFailurePolicy');
    assert.equal(await reasonOf('late'), 'DeadlineExceeded');
    await eventually('the finished Job is removed', async () =>
      (await s.try('get job short')).stderr.includes('not found'),
    );
    assert.match(await s.k('get job held'), /held\s+Suspended\s+0\/1/);
    assert.equal((await s.pods('batch.kubernetes.io/job-name=held')).length, 0);
    await s.k(`patch job held -p '{"spec":{"suspend":false}}'`);
    await jobIs(s, 'held', 'Complete');
  });
}
