/** Bootstrap tokens, webhook tokens, and how several ways to know a token go together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { readKubeconfig } from '../../outbound/kubeconfig.ts';
import type { HttpCaller, OutboundRequest } from '../../outbound/http-caller.ts';
import { createReviewClient } from '../../outbound/review-client.ts';
import type { ServerAccess } from '../../resource.ts';
import { answerOf, createTestClock, createTestCtx, requestOf, startTestServer } from '../../test-support.ts';
import { createAuthenticator } from '../authenticate.ts';
import type { TokenAuthenticator } from '../contract.ts';
import { createBootstrapTokens } from './bootstrap-tokens.ts';
import { cachedTokens } from './token-cache.ts';
import { audienceAgnostic, unionTokens } from './union.ts';
import { createWebhookTokens } from './webhook-tokens.ts';

const ctx = createTestCtx();
const TOKEN = 'abcdef.0123456789abcdef';

function bootstrapSecret(data: Record<string, string> = {}, more: object = {}) {
  const all = {
    ...{ 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-authentication': 'true' },
    ...data,
  };
  const encoded = Object.fromEntries(Object.entries(all).map(([key, value]) => [key, btoa(value)]));
  return {
    metadata: { name: 'bootstrap-token-abcdef' },
    type: 'bootstrap.kubernetes.io/token',
    data: encoded,
    ...more,
  };
}

async function bootstrapUser(secret: object | undefined, token = TOKEN) {
  const access = {
    get: async (_kind: object, namespace: string, name: string) =>
      namespace === 'kube-system' && name === 'bootstrap-token-abcdef' ? secret : undefined,
  } as unknown as ServerAccess;
  return (await createBootstrapTokens(() => access).authenticateToken(token, undefined, ctx))?.user;
}

test('a bootstrap token is of its Secret, with its groups', async () => {
  assert.deepEqual(await bootstrapUser(bootstrapSecret()), {
    username: 'system:bootstrap:abcdef',
    groups: ['system:bootstrappers'],
  });
  const groups = 'system:bootstrappers:foo,system:bootstrappers:bar,system:bootstrappers:foo';
  const found = await bootstrapUser(bootstrapSecret({ 'auth-extra-groups': groups }));
  assert.deepEqual(found?.groups, ['system:bootstrappers', 'system:bootstrappers:bar', 'system:bootstrappers:foo']);
  const later = bootstrapSecret({ expiration: '2026-01-01T00:00:01Z' });
  assert.ok(await bootstrapUser(later));
});

const refusedSecrets: readonly [string, object | undefined, string?][] = [
  ['no Secret', undefined],
  ['another secret', bootstrapSecret({ 'token-secret': '0123456789abcdeg' })],
  ['another id', bootstrapSecret({ 'token-id': 'abcdeg' })],
  ['another use', bootstrapSecret({ 'usage-bootstrap-authentication': 'false' })],
  ['a use that is not said', bootstrapSecret({ 'usage-bootstrap-authentication': '' })],
  ['expired', bootstrapSecret({ expiration: '2026-01-01T00:00:00Z' })],
  ['a time that is none', bootstrapSecret({ expiration: 'tomorrow' })],
  ['a foreign group', bootstrapSecret({ 'auth-extra-groups': 'system:masters' })],
  ['another type', bootstrapSecret({}, { type: 'Opaque' })],
  ['being deleted', bootstrapSecret({}, { metadata: { name: 'x', deletionTimestamp: '2025-12-31T00:00:00Z' } })],
  ['no token of this kind', bootstrapSecret(), 'ABCDEF.0123456789abcdef'],
  ['something behind it', bootstrapSecret(), `${TOKEN}\n`],
];
for (const [name, secret, token] of refusedSecrets) {
  test(`a bootstrap token is not known: ${name}`, async () => {
    assert.equal(await bootstrapUser(secret, token ?? TOKEN), undefined);
  });
}

const KUBECONFIG = `
apiVersion: v1
kind: Config
clusters: [{name: hook, cluster: {server: 'https://hook.example.com/authenticate', certificate-authority: ca.pem}}]
users: [{name: me, user: {tokenFile: token.txt}}]
contexts: [{name: c, context: {cluster: hook, user: me}}]
current-context: c
`;
const files: Record<string, string> = { 'ca.pem': 'PEM', 'token.txt': 'own-secret\n' };
const target = () => readKubeconfig(KUBECONFIG, (path) => files[path] ?? assert.fail(path));

function webhook(answer: (review: { spec: { token: string; audiences?: string[] } }, call: number) => object | number) {
  const calls: OutboundRequest[] = [];
  const caller: HttpCaller = async (request) => {
    calls.push(request);
    const review = JSON.parse(new TextDecoder().decode(request.body));
    const found = answer(review, calls.length);
    if (typeof found === 'number') return { status: found, headers: {}, body: new Uint8Array() };
    const body = new TextEncoder().encode(JSON.stringify({ ...review, status: found }));
    return { status: 200, headers: {}, body };
  };
  const client = createReviewClient({ caller, target: target(), timeoutMs: 1000 });
  return { calls, tokens: createWebhookTokens(client, 'v1', ['api']) };
}

test('a webhook is asked by its kubeconfig and names the user', async () => {
  const { calls, tokens } = webhook(({ spec }) => ({
    authenticated: spec.token === 'good',
    user: { username: 'jane', uid: '1', groups: ['devs'], extra: { 'example.org/a': ['b'] } },
  }));
  assert.deepEqual(await tokens.authenticateToken('good', undefined, ctx), {
    user: { username: 'jane', uid: '1', groups: ['devs'], extra: { 'example.org/a': ['b'] } },
    audiences: ['api'],
  });
  assert.equal(await tokens.authenticateToken('bad', undefined, ctx), undefined);
  const [call] = calls;
  assert.equal(call?.url, 'https://hook.example.com/authenticate');
  assert.equal(call.headers['authorization'], 'Bearer own-secret');
  assert.deepEqual(call.tls, { ca: 'PEM' });
  assert.deepEqual(JSON.parse(new TextDecoder().decode(call.body)), {
    kind: 'TokenReview',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {},
    spec: { token: 'good', audiences: ['api'] },
    status: { user: {} },
  });
});

test('audiences: what the webhook says counts; where it says nothing, those of this server', async () => {
  const says = (audiences?: string[]) =>
    webhook(() => ({ authenticated: true, user: { username: 'jane' }, audiences })).tokens;
  assert.deepEqual((await says(['a', 'b']).authenticateToken('t', ['b', 'c'], ctx))?.audiences, ['b']);
  assert.equal(await says(['a']).authenticateToken('t', ['b'], ctx), undefined);
  assert.deepEqual((await says().authenticateToken('t', ['api', 'x'], ctx))?.audiences, ['api']);
  assert.equal(await says().authenticateToken('t', ['x'], ctx), undefined);
});

test('errors of the webhook: those that may pass are tried again, all are told without the token', async () => {
  // Time flies while the client waits.
  const clock = createTestClock();
  const quick = {
    ...createTestCtx(clock),
    clock: {
      ...clock,
      setTimer: (ms: number, fn: () => void) => {
        clock.advance(ms);
        queueMicrotask(fn);
        return { cancel: () => {} };
      },
    },
  };
  const passing = webhook((_review, call) => (call < 3 ? 500 : { authenticated: true, user: { username: 'jane' } }));
  assert.equal((await passing.tokens.authenticateToken('t', undefined, quick))?.user.username, 'jane');
  assert.ok(clock.monotonicMs() >= 500 + 750);
  const broken = webhook(() => 503);
  await assert.rejects(
    async () => broken.tokens.authenticateToken('sesame', undefined, quick),
    (error: Error) => {
      assert.equal(error.message, 'the server responded with the status code 503 but did not return more information');
      return true;
    },
  );
  assert.equal(broken.calls.length, 1);
  const lasting = webhook(() => 429);
  await assert.rejects(async () => lasting.tokens.authenticateToken('t', undefined, quick));
  assert.equal(lasting.calls.length, 5);
  const refusing = webhook(() => ({ authenticated: false, error: 'user is locked' }));
  await assert.rejects(async () => refusing.tokens.authenticateToken('t', undefined, ctx), {
    message: 'user is locked',
  });
});

test('a kubeconfig that cannot be used says why', () => {
  const read = (text: string) => () => readKubeconfig(text, () => 'x');
  assert.throws(read(''), { message: 'invalid configuration: no server found for cluster' });
  assert.throws(read('current-context: x'), /context was not found for specified context: x$/);
  const cluster = 'clusters: [{name: c, cluster: {server: "https://h"}}]\n';
  assert.throws(read(`${cluster}users: [{name: u, user: {exec: {command: x}}}]`), /exec and auth-provider/);
  assert.throws(read(`${cluster}users: [{name: u, user: {client-key: x}}]`), /must be specified together$/);
  assert.equal(readKubeconfig(cluster, () => 'x').url, 'https://h');
});

const knows = (token: string, username: string): TokenAuthenticator => ({
  authenticateToken: async (given) => (given === token ? { user: { username, groups: [] }, audiences: [] } : undefined),
});
const refuses = (message: string): TokenAuthenticator => ({
  authenticateToken: async () => {
    throw new Error(message);
  },
});

test('who refuses a token does not keep others from knowing it; nobody does: all say why', async () => {
  const ask = async (...list: TokenAuthenticator[]) =>
    (await unionTokens(list).authenticateToken('t', undefined, ctx))?.user.username;
  assert.equal(await ask(refuses('a'), knows('t', 'jane'), knows('t', 'late')), 'jane');
  assert.equal(await ask(knows('u', 'jane')), undefined);
  await assert.rejects(ask(refuses('a'), knows('u', 'jane')), { message: 'a' });
  await assert.rejects(ask(refuses('a'), refuses('b'), refuses('a')), { message: '[a, b]' });
});

test('tokens without audiences are for those of the server', async () => {
  const tokens = audienceAgnostic(['api', 'old'], knows('t', 'jane'));
  assert.deepEqual((await tokens.authenticateToken('t', undefined, ctx))?.audiences, ['api', 'old']);
  assert.deepEqual((await tokens.authenticateToken('t', ['old', 'x'], ctx))?.audiences, ['old']);
  assert.equal(await tokens.authenticateToken('t', ['x'], ctx), undefined);
});

test('answers are kept for their time, errors are not; requests that come together ask once', async () => {
  let asked = 0;
  const clock = createTestClock();
  const timed = createTestCtx(clock);
  const inner: TokenAuthenticator = {
    async authenticateToken(token) {
      asked++;
      if (token === 'broken') throw new Error('down');
      return token === 'good' ? { user: { username: 'jane', groups: [] }, audiences: [] } : undefined;
    },
  };
  const tokens = cachedTokens(inner, { successTtlMs: 10_000, failureTtlMs: 1_000, sizeMax: 2 });
  const ask = async (token: string, audiences?: string[]) => tokens.authenticateToken(token, audiences, timed);
  await Promise.all([ask('good'), ask('good'), ask('good')]);
  assert.equal(asked, 1);
  await ask('good', ['other']);
  assert.equal(asked, 2);
  clock.advance(9_999);
  await ask('good');
  assert.equal(asked, 2);
  clock.advance(1);
  await ask('good');
  assert.equal(asked, 3);
  await ask('bad');
  await ask('bad');
  assert.equal(asked, 4);
  clock.advance(1_000);
  await ask('bad');
  assert.equal(asked, 5);
  await assert.rejects(ask('broken'));
  await assert.rejects(ask('broken'));
  assert.equal(asked, 7);
});

async function startWith(options: Parameters<typeof createAuthenticator>[0]) {
  const { server } = await startTestServer({ authenticator: createAuthenticator(options) });
  return async (path: string, headers: Record<string, string> = {}, more: object = {}) => {
    const request = { ...requestOf('GET', path, undefined, headers, undefined), ...more };
    return answerOf(await server.handle(request, { ...ctx, log: silentLogger })).status;
  };
}

test('anonymous requests: all, none, or those for some paths', async () => {
  const some = await startWith({ tokens: [], anonymous: ['/api/v1/namespaces'] });
  assert.equal(await some('/api/v1/namespaces'), 200);
  assert.equal(await some('/api/v1/namespaces/x'), 401);
  assert.equal(await (await startWith({ tokens: [], anonymous: false }))('/api/v1/namespaces'), 401);
  assert.equal(await (await startWith({ tokens: [] }))('/api/v1/namespaces'), 200);
});

test('the header: other schemes are no credentials, what follows the token is not of it', async () => {
  const get = await startWith({ tokens: [knows('t', 'jane')] });
  const path = '/api/v1/namespaces';
  assert.equal(await get(path, { authorization: 'Basic eDp5' }), 200);
  assert.equal(await get(path, { authorization: 'Bearer' }), 200);
  assert.equal(await get(path, { authorization: 'bearer t' }), 200);
  assert.equal(await get(path, { authorization: 'Bearer t more' }), 200);
  assert.equal(await get(path, { authorization: 'Bearer wrong' }), 401);
  assert.equal(await get(path, {}, { hasBadCertificate: true }), 401);
  assert.equal(await get(path, { authorization: 'Bearer t' }, { hasBadCertificate: true }), 200);
});
