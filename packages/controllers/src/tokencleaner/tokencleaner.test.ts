/** Tokens go when their time is over; those without an end stay, and so do other Secrets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { createTokenCleaner, tokenExpiryMs } from './tokencleaner.controller.ts';

const secret = (name: string, expiration: string | undefined, more: object = {}) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', type: 'bootstrap.kubernetes.io/token' },
  metadata: { name, namespace: 'kube-system', uid: name },
  ...(expiration === undefined ? {} : { data: { expiration: btoa(expiration) } }),
  ...more,
});

test('when a token may go', () => {
  const at = (expiration: string | undefined, more: object = {}) =>
    tokenExpiryMs(secret('a', expiration, more) as never);
  assert.equal(at('2026-01-01T00:00:00Z'), Date.parse('2026-01-01T00:00:00Z'));
  assert.equal(at('2026-01-01T02:00:00+02:00'), Date.parse('2026-01-01T00:00:00Z'));
  assert.equal(at(undefined), undefined);
  assert.equal(at('soon'), Number.NEGATIVE_INFINITY);
  assert.equal(at('2026-01-01', {}), Number.NEGATIVE_INFINITY);
  assert.equal(at('2026-01-01T00:00:00Z', { type: 'Opaque' }), undefined);
  assert.equal(at('2026-01-01T00:00:00Z', { metadata: { name: 'a', namespace: 'default' } }), undefined);
});

test('expired tokens are deleted, at their time and when they come late', async () => {
  const bed = createTestBed();
  const inMs = (ms: number) => new Date(bed.clock.nowMs() + ms).toISOString();
  bed.api.seed(secret('over', inMs(-1000)));
  bed.api.seed(secret('later', inMs(60_000)));
  bed.api.seed(secret('forever', undefined));
  bed.api.seed(secret('garbled', 'soon'));
  bed.api.seed(secret('opaque', inMs(-1000), { type: 'Opaque' }));
  await bed.start(createTokenCleaner(bed.deps));
  const left = () => bed.names(bed.api.objects(coreV1.Secret)).map((key) => key.slice('kube-system/'.length));
  assert.deepEqual(left(), ['forever', 'later', 'opaque']);
  await bed.clock.advance(59_000);
  assert.deepEqual(left(), ['forever', 'later', 'opaque']);
  await bed.clock.advance(1_500);
  assert.deepEqual(left(), ['forever', 'opaque']);
  await bed.client.create(coreV1.Secret, secret('late', inMs(-1)) as never, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(left(), ['forever', 'opaque']);
  await bed.stop();
});
