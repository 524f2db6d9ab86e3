/** Token Secrets are filled, go with their account, and those that the cluster made go when nobody uses them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, INVALID_SINCE, LAST_USED } from '@kapella/api';
import type { Pod, Secret, ServiceAccount } from '@kapella/api/types/core-v1';
import { createTestBed } from '../shared/test-bed.ts';
import { accountKeyOf, planCleaning, secretNamesOf } from './plan-token-secret.ts';
import { createAccountTokenController, createLegacyTokenCleaner } from './serviceaccount-token.controller.ts';

const facts = { rootCa: 'CA', signAccountToken: async (account: object, name: string) => `${uidOf(account)}/${name}` };
const uidOf = (account: object) => (account as ServiceAccount).metadata.uid;
const account = (name: string, more: object = {}) => ({
  ...{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'ns' } },
  ...more,
});
const secret = (
  name: string,
  annotations: object = { 'kubernetes.io/service-account.name': 'sa' },
  more: object = {},
) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token' },
  metadata: { name, namespace: 'ns', annotations },
  ...more,
});

async function start(...objects: object[]) {
  const bed = createTestBed();
  for (const object of objects) bed.api.seed(object as never);
  await bed.start(createAccountTokenController(bed.deps, facts));
  const text = (name: string) => {
    const found = bed.api.objects(coreV1.Secret).find(({ metadata }) => metadata.name === name);
    return found && Object.fromEntries(Object.entries(found.data ?? {}).map(([key, value]) => [key, atob(value)]));
  };
  return { bed, text, secrets: () => bed.names(bed.api.objects(coreV1.Secret)) };
}

test('a Secret gets token, certificate and namespace, and says whose it is', async () => {
  const { bed, text } = await start(account('sa'), secret('t'));
  const uid = bed.api.objects(coreV1.ServiceAccount)[0]?.metadata.uid ?? '';
  assert.deepEqual(text('t'), { 'ca.crt': 'CA', namespace: 'ns', token: `${uid}/t` });
  const { annotations } = bed.api.objects(coreV1.Secret)[0]?.metadata ?? {};
  assert.equal(annotations?.['kubernetes.io/service-account.uid'], uid);
  await bed.client.create(coreV1.Secret, secret('later') as never, bed.ctx);
  await bed.clock.advance(100);
  assert.equal(text('later')?.['token'], `${uid}/later`);
  await bed.stop();
});

test('a certificate that is another one is replaced, a token that is there is kept', async () => {
  const data = { token: btoa('mine'), 'ca.crt': btoa('old'), namespace: btoa('elsewhere') };
  const { bed, text } = await start(account('sa'), secret('t', undefined, { data }));
  assert.deepEqual(text('t'), { token: 'mine', 'ca.crt': 'CA', namespace: 'elsewhere' });
  await bed.stop();
});

test('Secrets go with their account, and when they are another one’s or nobody’s; other types stay', async () => {
  const { bed, secrets } = await start(
    ...[account('sa'), secret('t'), secret('orphan', { 'kubernetes.io/service-account.name': 'nobody' })],
    secret('former', { 'kubernetes.io/service-account.name': 'sa', 'kubernetes.io/service-account.uid': 'former' }),
    secret('opaque', { 'kubernetes.io/service-account.name': 'nobody' }, { type: 'Opaque' }),
  );
  assert.deepEqual(secrets(), ['ns/opaque', 'ns/t']);
  await bed.client.delete(coreV1.ServiceAccount, { namespace: 'ns', name: 'sa' }, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(secrets(), ['ns/opaque']);
  await bed.stop();
});

test('an account loses its reference to a Secret that was deleted', async () => {
  const { bed } = await start(account('sa', { secrets: [{ name: 't' }, { name: 'other' }] }), secret('t'));
  await bed.client.delete(coreV1.Secret, { namespace: 'ns', name: 't' }, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(bed.api.objects(coreV1.ServiceAccount)[0]?.secrets, [{ name: 'other' }]);
  await bed.stop();
});

test('without a key no token is made', async () => {
  const bed = createTestBed();
  for (const object of [account('sa'), secret('t')]) bed.api.seed(object as never);
  await bed.start(createAccountTokenController(bed.deps, { rootCa: 'CA' }));
  assert.equal(bed.api.objects(coreV1.Secret)[0]?.data, undefined);
  await bed.stop();
});

const DAY_MS = 24 * 3600_000;
const YEAR_MS = 365 * DAY_MS;

test('what the cleaner does with a Secret', () => {
  const nowMs = Date.parse('2027-06-01T00:00:00Z');
  const owner = account('sa', { secrets: [{ name: 't' }] }) as unknown as ServiceAccount;
  const plan = (more: object, facts: object = {}) => {
    const metadata = { name: 't', namespace: 'ns', uid: '1', creationTimestamp: '2020-01-01T00:00:00Z', ...more };
    const base = { account: owner, used: new Set<string>(), nowMs, unusedMs: YEAR_MS };
    return planCleaning({ metadata } as Secret, { ...base, ...facts });
  };
  const marked = (invalidSince: string, more: object = {}) => ({ labels: { [INVALID_SINCE]: invalidSince, ...more } });
  assert.deepEqual(plan({}), { invalidSince: '2027-06-01' });
  assert.deepEqual(plan(marked('some day')), { invalidSince: '2027-06-01' });
  assert.equal(plan(marked('2027-01-01')), 'keep');
  assert.equal(plan(marked('2026-05-31')), 'delete');
  assert.equal(plan(marked('2026-05-31', { [LAST_USED]: '2026-06-01' })), 'keep');
  assert.equal(plan(marked('2026-05-31', { [LAST_USED]: '2026-05-31' })), 'delete');
  assert.equal(plan(marked('2026-05-31', { [LAST_USED]: 'lately' })), 'keep');
  assert.equal(plan({ ...marked('2026-05-31'), creationTimestamp: '2027-01-01T00:00:00Z' }), 'keep');
  assert.equal(plan({ ...marked('2026-05-31'), deletionTimestamp: '2027-01-01T00:00:00Z' }), 'keep');
  assert.equal(plan(marked('2026-05-31'), { used: new Set(['t']) }), 'keep');
  assert.equal(plan(marked('2026-05-31'), { account: account('sa') }), 'keep', 'made by hand');
  assert.equal(plan(marked('2026-05-31'), { account: undefined }), 'keep');
});

test('generated tokens are marked after a year without use, and deleted after another', async () => {
  const bed = createTestBed();
  const created = new Date(bed.clock.nowMs() - YEAR_MS).toISOString();
  const since = created.slice(0, 10);
  const metadata = { name: 'kube-apiserver-legacy-service-account-token-tracking', namespace: 'kube-system' };
  bed.api.seed({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { since } } as never);
  bed.api.seed(account('sa', { secrets: [{ name: 'made' }] }) as never);
  const annotations = { 'kubernetes.io/service-account.name': 'sa' };
  const old = (name: string) => ({
    ...secret(name),
    metadata: { name, namespace: 'ns', annotations, creationTimestamp: created },
  });
  bed.api.seed(old('made') as never);
  bed.api.seed(old('by-hand') as never);
  await bed.start(createLegacyTokenCleaner(bed.deps));
  const made = () => bed.api.objects(coreV1.Secret).find((found) => found.metadata.name === 'made');
  assert.equal(made()?.metadata.labels?.[INVALID_SINCE], undefined, 'not tracked for a whole year yet');
  await bed.clock.advance(DAY_MS * 2);
  const marked = made()?.metadata.labels?.[INVALID_SINCE];
  assert.match(marked ?? '', /^\d{4}-\d{2}-\d{2}$/);
  for (let day = 0; day < 367; day++) await bed.clock.advance(DAY_MS);
  assert.deepEqual(bed.names(bed.api.objects(coreV1.Secret)), ['ns/by-hand']);
  await bed.stop();
});

test('Secrets that a Pod uses', () => {
  const spec = {
    imagePullSecrets: [{ name: 'pull' }],
    initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 'from' } }] }],
    containers: [{ name: 'c', env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }] }],
    volumes: [
      { name: 'a', secret: { secretName: 'volume' } },
      { name: 'b', projected: { sources: [{ secret: { name: 'projected' } }] } },
      { name: 'c', csi: { driver: 'd', nodePublishSecretRef: { name: 'csi' } } },
      { name: 'd', emptyDir: {} },
    ],
  };
  assert.deepEqual([...secretNamesOf({ spec } as unknown as Pod)].sort(), [
    ...['csi', 'env', 'from', 'projected', 'pull', 'volume'],
  ]);
  assert.equal(accountKeyOf(secret('t', {}) as unknown as Secret), undefined);
});
