/** Finished Jobs go when their time is over, with their Pods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchV1 } from '@kapella/api';
import { formatTime } from '@kapella/base';
import { createTestBed } from '../shared/test-bed.ts';
import { createTtlAfterFinishedController, expiryMs } from './ttl-after-finished.controller.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const job = (name: string, ttlSecondsAfterFinished: number | undefined, type?: string) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: 'default' },
  spec: { ttlSecondsAfterFinished },
  status: type === undefined ? {} : { conditions: [{ type, status: 'True', lastTransitionTime: formatTime(NOW) }] },
});

test('the time runs from the end, and only with an end', () => {
  assert.equal(expiryMs(job('a', 10, 'Complete') as never), NOW + 10_000);
  assert.equal(expiryMs(job('a', 0, 'Failed') as never), NOW);
  assert.equal(expiryMs(job('a', undefined, 'Failed') as never), undefined);
  assert.equal(expiryMs(job('a', 10) as never), undefined);
  assert.equal(expiryMs(job('a', 10, 'Suspended') as never), undefined);
});

test('deletes in time, in the foreground, unless the time was changed', async () => {
  const bed = createTestBed();
  bed.api.seed(
    job('at-once', 0, 'Complete'),
    job('soon', 60, 'Failed'),
    job('kept', undefined, 'Complete'),
    job('running', 0),
    job('changed', 60, 'Failed'),
  );
  await bed.start(createTtlAfterFinishedController(bed.deps));
  const deleted = () => bed.api.writes.filter((w) => w.method === 'DELETE').map((w) => w.name);
  assert.deepEqual(deleted(), ['at-once']);
  assert.equal(bed.api.writes[0]?.body.propagationPolicy, 'Foreground');
  const name = { namespace: 'default', name: 'changed' };
  await bed.client.patch(
    batchV1.Job,
    name,
    { type: 'merge', body: { spec: { ttlSecondsAfterFinished: 600 } } },
    bed.ctx,
  );
  await bed.clock.advance(61_000);
  assert.deepEqual(deleted(), ['at-once', 'soon']);
  await bed.clock.advance(600_000);
  assert.deepEqual(deleted(), ['at-once', 'soon', 'changed']);
  await bed.stop();
});
