/** Jobs over an API in memory: counting, indexes, failures, policies, suspension, ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchV1, coreV1 } from '@kapella/api';
import type { Job } from '@kapella/api/types/batch-v1';
import type { Pod } from '@kapella/api/types/core-v1';
import { createHarness } from '../workload/harness.test-support.ts';
import { createJobController } from './job.controller.ts';

const INDEX = 'batch.kubernetes.io/job-completion-index';

const jobOf = (spec: object = {}): Job =>
  ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'work', namespace: 'default' },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } },
      template: {
        metadata: { labels: { 'batch.kubernetes.io/controller-uid': 'u', 'batch.kubernetes.io/job-name': 'work' } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] },
      },
      ...spec,
    },
  }) as never;

async function begin(spec: object = {}) {
  const harness = createHarness();
  const { api, client, ctx, clock } = harness;
  api.seed(jobOf(spec));
  await harness.start(createJobController(harness.deps));
  const read = () => api.objects(batchV1.Job)[0] as Job;
  const status = () => read().status ?? {};
  const conditions = () => (status().conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);
  const patch = async (body: object) => {
    await client.patch(batchV1.Job, { namespace: 'default', name: 'work' }, { type: 'merge', body }, ctx);
    await clock.settle();
  };
  const active = () => harness.pods().filter((pod) => !['Succeeded', 'Failed'].includes(pod.status?.phase ?? ''));
  const end = async (phase: 'Succeeded' | 'Failed', pod: Pod | undefined = active()[0], exitCode = 1) => {
    const terminated = {
      exitCode: phase === 'Failed' ? exitCode : 0,
      finishedAt: new Date(clock.nowMs()).toISOString(),
    };
    const containerStatuses = [{ name: 'c', state: { terminated }, restartCount: 0 }];
    await harness.setStatus(pod?.metadata.name ?? '', { phase, containerStatuses } as never);
  };
  const indexes = () =>
    active()
      .map((pod) => pod.metadata.annotations?.[INDEX])
      .sort();
  const ofIndex = (index: number) => active().find((pod) => pod.metadata.annotations?.[INDEX] === String(index));
  const reasons = () => harness.told.map((event) => event.reason);
  return { ...harness, read, status, conditions, patch, active, end, indexes, ofIndex, reasons };
}

test('one Pod succeeds: counted once, finalizer gone, conditions and events as upstream', async () => {
  const t = await begin();
  const [pod] = t.active();
  assert.deepEqual(pod?.metadata.finalizers, ['batch.kubernetes.io/job-tracking']);
  assert.match(pod?.metadata.name ?? '', /^work-[a-z0-9]{5}$/);
  assert.deepEqual([t.status().active, t.status().ready, t.status().terminating], [1, 0, 0]);
  assert.deepEqual(t.status().uncountedTerminatedPods, {});
  await t.run(pod?.metadata.name ?? '');
  assert.equal(t.status().ready, 1);
  await t.end('Succeeded');
  assert.deepEqual(t.conditions(), ['SuccessCriteriaMet=True CompletionsReached', 'Complete=True CompletionsReached']);
  assert.equal(t.status().succeeded, 1);
  assert.equal(t.status().active, undefined);
  assert.deepEqual([t.status().ready, t.status().terminating], [0, 0]);
  assert.deepEqual(t.status().uncountedTerminatedPods, {});
  assert.ok(t.status().startTime && t.status().completionTime);
  assert.deepEqual(t.pods()[0]?.metadata.finalizers, []);
  assert.deepEqual(t.reasons(), ['SuccessfulCreate', 'Completed']);
  await t.stop();
});

test('parallelism and completions', async () => {
  const t = await begin({ parallelism: 2, completions: 3 });
  assert.equal(t.active().length, 2);
  await t.end('Succeeded');
  assert.equal(t.active().length, 2);
  await t.end('Succeeded');
  assert.equal(t.active().length, 1);
  await t.end('Succeeded');
  assert.equal(t.status().succeeded, 3);
  assert.equal(t.pods().length, 3);
  assert.match(t.conditions()[1] ?? '', /^Complete/);
  await t.stop();
});

test('without completions the first success ends it when the others have ended', async () => {
  const t = await begin({ parallelism: 3, completions: undefined });
  await t.end('Succeeded');
  assert.equal(t.active().length, 2);
  await t.end('Succeeded');
  await t.end('Succeeded');
  assert.match(t.conditions()[1] ?? '', /^Complete/);
  await t.stop();
});

test('a failed Pod is replaced after 10 s, then 20 s; beyond the limit the Job fails', async () => {
  const t = await begin({ backoffLimit: 1 });
  await t.end('Failed');
  assert.equal(t.active().length, 0);
  assert.equal(t.status().failed, 1);
  await t.clock.advance(9_000);
  assert.equal(t.active().length, 0);
  await t.clock.advance(1_500);
  assert.equal(t.active().length, 1);
  await t.end('Failed');
  assert.deepEqual(t.conditions(), ['FailureTarget=True BackoffLimitExceeded', 'Failed=True BackoffLimitExceeded']);
  assert.equal(t.status().failed, 2);
  assert.deepEqual(t.told.at(-1), {
    about: 'work',
    type: 'Warning',
    reason: 'BackoffLimitExceeded',
    message: 'Job has reached the specified backoff limit',
  });
  assert.equal(t.status().completionTime, undefined);
  await t.stop();
});

test('Indexed: annotation, label, host name, name and environment; completed indexes', async () => {
  const t = await begin({ completionMode: 'Indexed', parallelism: 3, completions: 5 });
  assert.deepEqual(t.indexes(), ['0', '1', '2']);
  const pod = t.ofIndex(1);
  assert.equal(pod?.metadata.labels?.[INDEX], '1');
  assert.equal(pod?.spec.hostname, 'work-1');
  assert.match(pod?.metadata.name ?? '', /^work-1-/);
  assert.deepEqual(pod?.spec.containers[0]?.env, [
    { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath: `metadata.labels['${INDEX}']` } } },
  ]);
  await t.end('Succeeded', t.ofIndex(1));
  assert.deepEqual(t.indexes(), ['0', '2', '3']);
  await t.end('Succeeded', t.ofIndex(2));
  await t.end('Succeeded', t.ofIndex(3));
  assert.equal(t.status().completedIndexes, '1-3');
  await t.end('Succeeded', t.ofIndex(0));
  await t.end('Succeeded', t.ofIndex(4));
  assert.deepEqual([t.status().completedIndexes, t.status().succeeded], ['0-4', 5]);
  assert.match(t.conditions()[1] ?? '', /^Complete/);
  await t.stop();
});

test('a limit per index: the index fails, the others go on, then the Job has failed indexes', async () => {
  const t = await begin({
    completionMode: 'Indexed',
    parallelism: 2,
    completions: 2,
    backoffLimit: 2147483647,
    backoffLimitPerIndex: 1,
  });
  assert.equal(t.ofIndex(0)?.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'], '0');
  await t.end('Failed', t.ofIndex(0));
  await t.clock.advance(10_500);
  assert.equal(t.ofIndex(0)?.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'], '1');
  await t.end('Failed', t.ofIndex(0));
  assert.equal(t.status().failedIndexes, '0');
  await t.end('Succeeded', t.ofIndex(1));
  assert.deepEqual(t.conditions(), ['FailureTarget=True FailedIndexes', 'Failed=True FailedIndexes']);
  assert.deepEqual([t.status().failed, t.status().succeeded, t.status().completedIndexes], [2, 1, '1']);
  await t.stop();
});

test('pod failure policy: ignore, fail the Job, fail the index', async () => {
  const rules = (action: string) => ({
    podFailurePolicy: { rules: [{ action, onExitCodes: { operator: 'In', values: [42] } }] },
  });
  const ignored = await begin({ ...rules('Ignore'), backoffLimit: 0 });
  await ignored.end('Failed', undefined, 42);
  assert.deepEqual([ignored.status().failed, ignored.conditions()], [undefined, []]);
  await ignored.stop();

  const failed = await begin({ ...rules('FailJob'), parallelism: 2, completions: 2 });
  const [victim] = failed.active();
  await failed.end('Failed', victim, 42);
  await failed.clock.advance(100);
  assert.deepEqual(failed.conditions(), ['FailureTarget=True PodFailurePolicy', 'Failed=True PodFailurePolicy']);
  const message = `Container c for pod default/${victim?.metadata.name} failed with exit code 42 matching FailJob rule at index 0`;
  assert.equal(failed.status().conditions?.[0]?.message, message);
  assert.equal(failed.active().length, 0);
  await failed.stop();

  const index = await begin({
    ...rules('FailIndex'),
    completionMode: 'Indexed',
    parallelism: 2,
    completions: 2,
    backoffLimitPerIndex: 5,
  });
  await index.end('Failed', index.ofIndex(0), 42);
  assert.equal(index.status().failedIndexes, '0');
  await index.stop();
});

test('success policy: enough of the named indexes end the Job, the rest is removed', async () => {
  const successPolicy = { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] };
  const t = await begin({ completionMode: 'Indexed', parallelism: 3, completions: 3, successPolicy });
  await t.end('Succeeded', t.ofIndex(2));
  assert.deepEqual(t.conditions(), []);
  await t.end('Succeeded', t.ofIndex(1));
  await t.clock.advance(100);
  assert.deepEqual(t.conditions(), ['SuccessCriteriaMet=True SuccessPolicy', 'Complete=True SuccessPolicy']);
  assert.equal(t.status().conditions?.[0]?.message, 'Matched rules at index 0');
  assert.equal(t.active().length, 0);
  assert.equal(t.status().failed, undefined);
  await t.stop();
});

test('activeDeadlineSeconds removes what runs and fails the Job', async () => {
  const t = await begin({ activeDeadlineSeconds: 30 });
  await t.clock.advance(29_000);
  assert.equal(t.active().length, 1);
  await t.clock.advance(2_000);
  assert.equal(t.active().length, 0);
  assert.deepEqual(t.conditions(), ['FailureTarget=True DeadlineExceeded', 'Failed=True DeadlineExceeded']);
  assert.equal(t.status().failed, 1);
  await t.stop();
});

test('suspend removes Pods without counting them; resume starts anew', async () => {
  const t = await begin();
  await t.patch({ spec: { suspend: true } });
  await t.clock.advance(100);
  assert.equal(t.pods().length, 0);
  assert.deepEqual(t.conditions(), ['Suspended=True JobSuspended']);
  assert.deepEqual([t.status().startTime, t.status().failed, t.status().active], [undefined, undefined, undefined]);
  await t.patch({ spec: { suspend: false } });
  await t.clock.advance(100);
  assert.equal(t.active().length, 1);
  assert.deepEqual(t.conditions(), ['Suspended=False JobResumed']);
  assert.ok(t.status().startTime);
  assert.deepEqual(t.reasons(), ['SuccessfulCreate', 'SuccessfulDelete', 'Suspended', 'SuccessfulCreate', 'Resumed']);
  await t.stop();
});

test('podReplacementPolicy Failed waits until a Pod that goes has gone', async () => {
  const hold = async (podReplacementPolicy: string) => {
    const t = await begin({ podReplacementPolicy });
    const [pod] = t.active();
    const finalizers = ['batch.kubernetes.io/job-tracking', 'test/hold'];
    await t.client.patch(coreV1.Pod, pod as Pod, { type: 'merge', body: { metadata: { finalizers } } }, t.ctx);
    await t.client.delete(coreV1.Pod, pod as Pod, t.ctx);
    await t.clock.advance(15_000);
    const result = [t.pods().length, t.status().terminating ?? 0, t.status().failed ?? 0];
    await t.stop();
    return result;
  };
  assert.deepEqual(await hold('Failed'), [1, 1, 0]);
  assert.deepEqual(await hold('TerminatingOrFailed'), [2, 1, 1]);
});

test('managed by another: left alone', async () => {
  const t = await begin({ managedBy: 'example.com/other' });
  assert.equal(t.pods().length, 0);
  assert.equal(t.read().status, undefined);
  await t.stop();
});

test('Pods of a Job that is gone lose the finalizer', async () => {
  const t = await begin();
  await t.client.delete(batchV1.Job, t.read(), t.ctx);
  await t.clock.settle();
  assert.deepEqual(t.pods()[0]?.metadata.finalizers, []);
  await t.stop();
});

test('fewer in parallel: the surplus is removed and not counted', async () => {
  const t = await begin({ parallelism: 3, completions: 5 });
  await t.run(t.active()[0]?.metadata.name ?? '');
  const kept = t.active()[0]?.metadata.uid;
  await t.patch({ spec: { parallelism: 1 } });
  await t.clock.advance(100);
  assert.deepEqual(
    t.pods().map((pod) => pod.metadata.uid),
    [kept],
  );
  assert.deepEqual([t.status().active, t.status().failed], [1, undefined]);
  await t.stop();
});
