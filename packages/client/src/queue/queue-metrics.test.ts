/** What is told of queues and of clients, by upstream's names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetricsRegistry, createSeededRandom, createVirtualClock, silentLogger } from '@kapella/base';
import type { ApiRequest } from '../transport.ts';
import { measuredTransport } from '../transports/measured.ts';
import { createQueueMeter } from './queue-metrics.ts';
import { createWorkQueue } from './work-queue.ts';

test('a queue tells its depth, what was added and tried again, and how long all of it takes', async () => {
  const clock = createVirtualClock();
  const metrics = createMetricsRegistry();
  const queue = createWorkQueue(clock, { meter: createQueueMeter(metrics, 'pods', clock) });
  const value = (name: string) =>
    Number(new RegExp(`^workqueue_${name}\\{name="pods"\\} (\\S+)$`, 'm').exec(metrics.text())?.[1] ?? Number.NaN);
  for (const key of ['a', 'b', 'a']) queue.add(key);
  assert.deepEqual([value('adds_total'), value('depth'), value('retries_total')], [2, 2, 0]);
  await clock.advance(1_000);
  await queue.next();
  await clock.advance(500);
  await queue.next();
  await clock.advance(500);
  assert.deepEqual([value('depth'), value('queue_duration_seconds_count')], [0, 2]);
  assert.equal(value('queue_duration_seconds_sum'), 2.5);
  assert.equal(value('unfinished_work_seconds'), 1.5);
  assert.equal(value('longest_running_processor_seconds'), 1);
  queue.add('a');
  assert.equal(value('adds_total'), 2, 'added while in work: once it is done');
  queue.done('a');
  queue.done('b');
  assert.deepEqual([value('work_duration_seconds_sum'), value('unfinished_work_seconds')], [1.5, 0]);
  assert.deepEqual([value('adds_total'), value('depth')], [3, 1]);
  queue.addRateLimited('c');
  assert.equal(value('retries_total'), 1);
  queue.shutDown();
  assert.equal(value('depth'), 0);
});

test('a waiting worker is given a key at once: it counts as one that waited for no time', async () => {
  const clock = createVirtualClock();
  const metrics = createMetricsRegistry();
  const queue = createWorkQueue(clock, { meter: createQueueMeter(metrics, 'pods', clock) });
  const taken = queue.next();
  queue.add('a');
  assert.equal(await taken, 'a');
  assert.match(metrics.text(), /^workqueue_queue_duration_seconds_bucket\{name="pods",le="1e-8"\} 1$/m);
  assert.match(metrics.text(), /^workqueue_depth\{name="pods"\} 0$/m);
});

test('requests of a client are counted by code and method, and timed', async () => {
  const clock = createVirtualClock();
  const metrics = createMetricsRegistry();
  const ctx = { signal: new AbortController().signal, log: silentLogger, clock, random: createSeededRandom() };
  const transport = measuredTransport(
    {
      async request({ path }) {
        if (path === '/gone') throw new Error('no answer');
        return { status: 404, headers: {}, body: new Uint8Array() };
      },
      close: async () => {},
    },
    metrics,
    'here',
  );
  const request = (path: string): ApiRequest => ({ method: 'GET', path, query: '', headers: {} });
  await transport.request(request('/a'), ctx);
  await transport.request(request('/b'), ctx);
  await assert.rejects(transport.request(request('/gone'), ctx), /no answer/);
  const text = metrics.text();
  assert.match(text, /^rest_client_requests_total\{code="404",method="GET",host="here"\} 2$/m);
  assert.match(text, /^rest_client_requests_total\{code="<error>",method="GET",host="here"\} 1$/m);
  assert.match(text, /^rest_client_request_duration_seconds_count\{verb="GET",host="here"\} 3$/m);
});
