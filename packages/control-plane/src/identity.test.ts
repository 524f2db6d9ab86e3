/** The lease of an API server: claimed, renewed, given back; those of gone servers are removed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coordinationV1 } from '@kapella/api';
import { isExpired, runIdentity } from './identity.ts';
import { eventually, startTestApi } from './testing/node/test-api.ts';

const LABELS = { 'apiserver.kubernetes.io/identity': 'kube-apiserver' };
const lease = (name: string, renewTime: string | undefined, labels: object = LABELS) =>
  ({
    metadata: { name, namespace: 'kube-system', labels },
    spec: { leaseDurationSeconds: 3600, ...(renewTime === undefined ? {} : { renewTime }) },
  }) as never;

test('a lease without a time, or past it, has expired', () => {
  const nowMs = Date.parse('2026-01-01T01:00:00Z');
  assert.equal(isExpired({}, nowMs), true);
  assert.equal(isExpired({ spec: { leaseDurationSeconds: 3600 } }, nowMs), true);
  assert.equal(isExpired({ spec: { leaseDurationSeconds: 3600, renewTime: '2025-12-31T23:59:59Z' } }, nowMs), true);
  assert.equal(isExpired({ spec: { leaseDurationSeconds: 3600, renewTime: '2026-01-01T00:00:01Z' } }, nowMs), false);
});

test('a server claims its lease, those of gone servers go, and its own goes with it', async (t) => {
  const api = await startTestApi();
  t.after(() => api.close());
  const { client, ctx } = api;
  const create = (object: never) => client.create(coordinationV1.Lease, object, ctx);
  await create(lease('apiserver-gone', '2020-01-01T00:00:00.000000Z'));
  await create(lease('apiserver-other', `${new Date().toISOString().slice(0, 23)}000Z`));
  await create(lease('somebody-elses', '2020-01-01T00:00:00.000000Z', {}));
  await create(lease('apiserver-own', '2020-01-01T00:00:00.000000Z'));
  const running = runIdentity(client, { id: 'apiserver-own', hostname: 'host-1' }, ctx);
  await running.claimed;
  const get = (name: string) => client.get(coordinationV1.Lease, { namespace: 'kube-system', name }, ctx);
  await eventually('the lease of the gone server is removed', async () => (await get('apiserver-gone')) === undefined);
  assert.ok(await get('apiserver-other'));
  assert.ok(await get('somebody-elses'));
  const own = await get('apiserver-own');
  assert.deepEqual(own?.metadata.labels, { ...LABELS, 'kubernetes.io/hostname': 'host-1' });
  assert.match(own?.spec?.holderIdentity ?? '', /^apiserver-own_[0-9a-f-]{36}$/);
  assert.equal(own?.spec?.leaseDurationSeconds, 3600);
  await running.release(ctx);
  assert.equal(await get('apiserver-own'), undefined);
});
