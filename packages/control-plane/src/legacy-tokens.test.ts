/** A token of a Secret through the whole server: warnings, the audit log, refusal; and since when uses are noted. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createTokenIssuer } from '@kapella/apiserver/node';
import { ensureTokenTracking } from './bootstrap/token-tracking.ts';
import { startTestApi } from './testing/node/test-api.ts';

const tracking = { namespace: 'kube-system', name: 'kube-apiserver-legacy-service-account-token-tracking' };

test('a token of a Secret is known to the server until its Secret is marked invalid', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const tokens = await createTokenIssuer({ issuer: 'https://issuer', privateKey: pem });
  const api = await startTestApi({ tokens });
  t.after(() => api.close());
  const { client, ctx } = api;
  const metadata = { name: 'sa', namespace: 'default' };
  const account = await client.create(coreV1.ServiceAccount, { metadata, secrets: [{ name: 't' }] }, ctx);
  const token = await tokens.issueLegacy(account, 't');
  const annotations = { 'kubernetes.io/service-account.name': 'sa' };
  const data = { token: btoa(token) };
  const type = 'kubernetes.io/service-account-token';
  await client.create(coreV1.Secret, { metadata: { name: 't', namespace: 'default', annotations }, type, data }, ctx);
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const ask = async () => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const body = new TextEncoder().encode(JSON.stringify(review));
    return api.server.handle({ method: 'POST', path, query: '', headers, body }, ctx);
  };
  const answer = await ask();
  assert.equal(answer.status, 201);
  assert.match(String(answer.headers['warning']), /Use tokens from the TokenRequest API/);
  const used = await client.get(coreV1.Secret, { namespace: 'default', name: 't' }, ctx);
  assert.match(used?.metadata.labels?.['kubernetes.io/legacy-token-last-used'] ?? '', /^\d{4}-\d{2}-\d{2}$/);
  const labels = { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' };
  const patch = { type: 'merge', body: { metadata: { labels } } } as const;
  await client.patch(coreV1.Secret, { namespace: 'default', name: 't' }, patch, ctx);
  assert.equal((await ask()).status, 401);
});

test('the cluster says since when uses of such tokens are noted, and again where that is no day', async (t) => {
  const { client, ctx, close } = await startTestApi();
  t.after(close);
  const since = async () => (await client.get(coreV1.ConfigMap, tracking, ctx))?.data?.['since'];
  const first = await since();
  assert.match(first ?? '', /^\d{4}-\d{2}-\d{2}$/);
  await client.patch(coreV1.ConfigMap, tracking, { type: 'merge', body: { data: { since: 'long ago' } } }, ctx);
  await ensureTokenTracking(client, ctx);
  assert.match((await since()) ?? '', /^\d{4}-\d{2}-\d{2}$/);
  await client.patch(coreV1.ConfigMap, tracking, { type: 'merge', body: { data: { since: '2020-02-29' } } }, ctx);
  await ensureTokenTracking(client, ctx);
  assert.equal(await since(), '2020-02-29');
});
