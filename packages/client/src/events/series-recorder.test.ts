/** Events of events.k8s.io/v1 against an API in memory: what is written, what is counted, what is dropped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsV1 } from '@kapella/api';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { createFakeApi } from '../fake/index.ts';
import { createClient, createSeriesRecorder } from '../index.ts';

const MINUTE_MS = 60_000;

function setUp(dropped: string[] = []) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  const client = createClient(api, { userAgent: 'test/1' });
  const options = { component: 'default-scheduler', host: 'here', dropped: (why: string) => dropped.push(why) };
  const recorder = createSeriesRecorder(client, options, ctx);
  const running = recorder.run(ctx);
  const end = async () => {
    stop.abort();
    await clock.settle();
    await running;
  };
  return { api, client, clock, ctx, recorder, end };
}

const pod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '7' },
});

test('an event says who did what to whom, for the scheduler of the Pod', async () => {
  const { api, recorder, end } = setUp();
  recorder.event(pod('p'), 'Normal', 'Preempted', 'Preempted by pod q', {
    ...{ action: 'Preempting', related: pod('q'), reporter: 'mine' },
  });
  await recorder.flushed();
  const [event] = api.objects(eventsV1.Event);
  assert.ok(event);
  assert.match(event.metadata.name, /^p\.[0-9a-f]{15,16}$/);
  assert.match(event.eventTime, /\.\d{6}Z$/);
  const { action, reason, note, type, reportingController, reportingInstance, regarding, related } = event;
  assert.deepEqual(
    { action, reason, note, type, reportingController, reportingInstance },
    {
      ...{ action: 'Preempting', reason: 'Preempted', note: 'Preempted by pod q', type: 'Normal' },
      ...{ reportingController: 'mine', reportingInstance: 'mine-here' },
    },
  );
  const reference = { kind: 'Pod', apiVersion: 'v1', namespace: 'default', resourceVersion: '7' };
  assert.deepEqual(regarding, { ...reference, name: 'p', uid: 'uid-p' });
  assert.deepEqual(related, { ...reference, name: 'q', uid: 'uid-q' });
  await end();
});

test('what repeats becomes a series, which is written at its second event and when it is over', async () => {
  const { api, clock, recorder, end } = setUp();
  const tell = () => recorder.event(pod('p'), 'Warning', 'FailedScheduling', 'no node', { action: 'Scheduling' });
  const counts = () => api.objects(eventsV1.Event).map(({ series }) => series?.count);
  tell();
  await recorder.flushed();
  assert.deepEqual(counts(), [undefined]);
  for (let i = 0; i < 4; i++) tell();
  await recorder.flushed();
  assert.deepEqual(counts(), [2]);
  await clock.advance(13 * MINUTE_MS);
  assert.deepEqual(counts(), [5]);
  tell();
  await recorder.flushed();
  assert.deepEqual(counts(), [5, undefined], 'after six quiet minutes it is a new one');
  await end();
});

test('a burst is written whole; beyond twenty thousand that wait, the newest are dropped', async () => {
  const dropped: string[] = [];
  const { api, recorder, end } = setUp(dropped);
  const tell = (name: string) => recorder.event(pod(name), 'Normal', 'Scheduled', 'done', { action: 'Binding' });
  for (let i = 0; i < 2_000; i++) tell(`p${i}`);
  await recorder.flushed();
  assert.equal(api.writes.length, 2_000);
  for (let i = 0; i < 20_100; i++) tell(`q${i}`);
  await end();
  assert.deepEqual(
    dropped,
    Array.from({ length: 100 }, () => 'queue'),
  );
});
