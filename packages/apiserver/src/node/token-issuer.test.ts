/** Tokens of service accounts: what they say, and when they stop being good. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { isReason } from '@kapella/base';
import type { ServerAccess } from '../resource.ts';
import { createTestClock, createTestCtx } from '../test-support.ts';
import { createTokenIssuer } from './token-issuer.ts';

const account = { metadata: { name: 'sa', namespace: 'ns', uid: 'u1' } };

async function start(type: 'ec' | 'rsa' = 'ec') {
  const { privateKey } =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const issuer = await createTokenIssuer({ issuer: 'https://issuer', privateKey: pem });
  const objects = new Map<string, object>([
    ['ServiceAccount ns/sa', account],
    ['Pod ns/p', { metadata: { name: 'p', uid: 'p1' } }],
  ]);
  const access = {
    get: async (kind: { kind: string }, namespace: string, name: string) =>
      objects.get(`${kind.kind} ${namespace}/${name}`),
  } as unknown as ServerAccess;
  const clock = createTestClock();
  const ctx = createTestCtx(clock);
  return { issuer, objects, clock, ctx, authenticator: issuer.authenticator(() => access) };
}

for (const type of ['ec', 'rsa'] as const) {
  test(`an issued token is recognised with its names (${type})`, async () => {
    const { issuer, authenticator, ctx } = await start(type);
    const { token, expirationTimestamp } = await issuer.issue(
      {
        serviceAccount: account,
        audiences: ['https://issuer'],
        expirationSeconds: 3600,
        boundTo: { kind: 'Pod', name: 'p', uid: 'p1' },
      },
      ctx,
    );
    assert.equal(expirationTimestamp, '2026-01-01T01:00:00Z');
    const found = await authenticator.authenticateToken(token, undefined, ctx);
    assert.equal(found?.user.username, 'system:serviceaccount:ns:sa');
    assert.deepEqual(found?.user.groups, ['system:serviceaccounts', 'system:serviceaccounts:ns']);
    assert.deepEqual(found?.user.extra?.['authentication.kubernetes.io/pod-name'], ['p']);
    assert.equal((issuer.jwks() as { keys: unknown[] }).keys.length, 1);
  });
}

test('a token ends with its time, its Pod and its account; other audiences and issuers are refused', async () => {
  const { issuer, authenticator, objects, clock, ctx } = await start();
  const issue = (audiences: string[]) =>
    issuer.issue(
      { serviceAccount: account, audiences, expirationSeconds: 600, boundTo: { kind: 'Pod', name: 'p', uid: 'p1' } },
      ctx,
    );
  const { token } = await issue(['https://issuer']);
  const isRefused = (text: string, audiences?: string[]) =>
    assert.rejects(authenticator.authenticateToken(text, audiences, ctx), (error) => isReason(error, 'Unauthorized'));
  assert.ok(await authenticator.authenticateToken(token, undefined, ctx));
  await isRefused(token, ['elsewhere']);
  await isRefused(`${token.slice(0, -4)}AAAA`);
  await isRefused((await issue(['vault'])).token);
  assert.equal(await authenticator.authenticateToken('not.a.token', undefined, ctx), undefined);
  const pod = objects.get('Pod ns/p') as object;
  objects.delete('Pod ns/p');
  await isRefused(token);
  objects.set('Pod ns/p', pod);
  objects.set('ServiceAccount ns/sa', { metadata: { ...account.metadata, uid: 'another' } });
  await isRefused(token);
  objects.set('ServiceAccount ns/sa', account);
  clock.advance(601_000);
  await isRefused(token);
});
