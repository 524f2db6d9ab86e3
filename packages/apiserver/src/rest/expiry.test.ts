/** Objects that live for a fixed time. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { configMapDefinition, namespaceDefinition, startTestServer } from '../test-support.ts';

test('an object goes when its time is over; a write begins it anew', async () => {
  const { request, clock } = await startTestServer({
    resources: [namespaceDefinition, { ...configMapDefinition, ttlSeconds: 60 }],
  });
  const path = '/api/v1/namespaces/default/configmaps';
  await request('POST', path, { metadata: { name: 'a' } });
  await request('POST', path, { metadata: { name: 'b' } });
  clock.advance(31_000);
  await setImmediate();
  await request('PUT', `${path}/b`, { metadata: { name: 'b' }, data: { k: 'v' } });
  clock.advance(31_000);
  await setImmediate();
  assert.equal((await request('GET', `${path}/a`)).status, 404);
  assert.equal((await request('GET', `${path}/b`)).status, 200);
  clock.advance(31_000);
  await setImmediate();
  assert.equal((await request('GET', `${path}/b`)).status, 404);
});
