/** Tokens of service accounts: what they say, and when they stop being good. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
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
    assert.rejects(async () => authenticator.authenticateToken(text, audiences, ctx));
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
  clock.advance(661_000); // a minute for clocks that differ
  await isRefused(token);
});

test('tokens of several keys and issuers are trusted; keys are read from any PEM, and all are published', async () => {
  const pems = [0, 1, 2].map(() => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return {
      pkcs8: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      pkcs1: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
      spki: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    };
  });
  const [a, b, c] = pems as [(typeof pems)[0], (typeof pems)[0], (typeof pems)[0]];
  const issuerOf = (privateKey: string, issuer: string) =>
    createTokenIssuer({ issuer, privateKey, audiences: ['api'] });
  const server = await createTokenIssuer({
    ...{ issuer: 'https://new', otherIssuers: ['https://old'], audiences: ['api'], privateKey: a.pkcs8 },
    trustedKeys: [`${b.pkcs1}\n${a.spki}`],
  });
  const { ctx, objects } = await start();
  const access = {
    get: async (kind: { kind: string }, namespace: string, name: string) =>
      objects.get(`${kind.kind} ${namespace}/${name}`),
  } as unknown as ServerAccess;
  const authenticator = server.authenticator(() => access);
  const tokenBy = async (key: string, issuer: string) =>
    (
      await (
        await issuerOf(key, issuer)
      ).issue({ serviceAccount: account, audiences: ['api'], expirationSeconds: 600 }, ctx)
    ).token;
  assert.ok(await authenticator.authenticateToken(await tokenBy(a.pkcs8, 'https://new'), undefined, ctx));
  assert.ok(await authenticator.authenticateToken(await tokenBy(b.pkcs8, 'https://old'), undefined, ctx));
  await assert.rejects(
    async () => authenticator.authenticateToken(await tokenBy(c.pkcs8, 'https://new'), undefined, ctx),
    /invalid signature/,
  );
  const foreign = await tokenBy(a.pkcs8, 'https://foreign');
  assert.equal(await authenticator.authenticateToken(foreign, undefined, ctx), undefined);
  const { keys } = server.jwks() as { keys: { kid: string; d?: string }[] };
  assert.equal(keys.length, 2);
  assert.ok(
    keys.every(({ d }) => d === undefined),
    'no private part',
  );
  assert.deepEqual(server.algorithms, ['RS256']);
  await assert.rejects(createTokenIssuer({ issuer: 'x', privateKey: a.pkcs8, trustedKeys: ['nothing'] }), {
    message: 'data does not contain any valid RSA or ECDSA public keys',
  });
});

test('the token that admission gives a Pod lives a year, and says since when it should have been renewed', async () => {
  const { issuer, authenticator, clock, ctx } = await start();
  const request = { serviceAccount: account, audiences: ['https://issuer'], expirationSeconds: 3607 };
  const boundTo = { kind: 'Pod', name: 'p', uid: 'p1' } as const;
  const node = { name: 'n', uid: '' };
  const { token, expirationTimestamp } = await issuer.issue({ ...request, boundTo, node }, ctx);
  assert.equal(expirationTimestamp, '2026-01-01T01:00:07Z');
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  assert.equal(claims.exp - claims.iat, 365 * 24 * 3600);
  assert.equal(claims['kubernetes.io'].warnafter - claims.iat, 3607);
  assert.deepEqual(claims['kubernetes.io'].node, { name: 'n' });
  clock.advance(30 * 24 * 3_600_000);
  const found = await authenticator.authenticateToken(token, undefined, ctx);
  assert.deepEqual(found?.user.extra?.['authentication.kubernetes.io/node-name'], ['n']);
  assert.equal(found?.user.extra?.['authentication.kubernetes.io/node-uid'], undefined);
});

test('tokens bound to a Secret or a Node go with it; what is being deleted is good for one minute more', async () => {
  const { issuer, authenticator, objects, clock, ctx } = await start();
  const request = { serviceAccount: account, audiences: ['https://issuer'], expirationSeconds: 3600 };
  const kinds = [
    ['Secret', 'Secret ns/x'],
    ['Node', 'Node /x'],
  ] as const;
  for (const [kind, key] of kinds) {
    const { token } = await issuer.issue({ ...request, boundTo: { kind, name: 'x', uid: 'x1' } }, ctx);
    const ask = async () => authenticator.authenticateToken(token, undefined, ctx);
    await assert.rejects(ask(), { message: 'service account token has been invalidated' });
    objects.set(key, { metadata: { name: 'x', uid: 'x1' } });
    assert.ok(await ask());
    objects.set(key, { metadata: { name: 'x', uid: 'x2' } });
    const what = kind.toLowerCase();
    await assert.rejects(ask(), {
      message: `${what} UID (x2) does not match service account ${what} ref claim (x1)`,
    });
    const deletionTimestamp = new Date(clock.nowMs()).toISOString();
    objects.set(key, { metadata: { name: 'x', uid: 'x1', deletionTimestamp } });
    clock.advance(60_000);
    assert.ok(await ask());
    clock.advance(1);
    await assert.rejects(ask(), { message: 'service account token has been invalidated' });
  }
});
