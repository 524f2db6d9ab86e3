/** OpenID tokens through the API, with a provider over TLS on loopback: discovery, keys that change, files that change. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { createLogger, type LogRecord } from '@kapella/base';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { createAuthenticator } from '../auth/authenticate.ts';
import type { ConfigurationSource } from '../auth/config/reload.ts';
import { SIGNING_ALGORITHMS } from '../auth/jwt/signature.ts';
import { createStructuredAuthentication } from '../auth/jwt/structured.ts';
import { createMetricsRegistry } from '../metrics/registry.ts';
import { answerOf, createTestClock, createTestRandom, requestOf, startTestServer } from '../test-support.ts';
import { createHttpCaller } from './http-caller.ts';
import { createCertificates } from './test-certificates.test-support.ts';

interface Key {
  readonly sign: (claims: object, more?: { alg?: string; kid?: string }) => Promise<string>;
  readonly jwk: JWK;
}

let server: Server;
let issuer: string;
let ca: string;
let keys: JWK[] = [];
let keyRequests = 0;
let extraAnswers = new Map<string, () => Promise<string>>();
const NOW = Date.parse('2026-01-01T00:00:00Z') / 1000;

async function createKey(kid: string, alg = 'RS256'): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig' },
    sign: (claims, more = {}) =>
      new SignJWT({ iss: issuer, aud: 'kapella', sub: 'jane', exp: NOW + 600, ...claims })
        .setProtectedHeader({ alg: more.alg ?? alg, kid: more.kid ?? kid })
        .sign(privateKey),
  };
}

before(async () => {
  const certificates = await createCertificates();
  ca = certificates.ca;
  server = createServer({ cert: certificates.cert, key: certificates.key }, async (request, response) => {
    const extra = extraAnswers.get(request.url ?? '');
    if (request.url === '/keys') keyRequests++;
    if (extra !== undefined) response.end(await extra());
    else if (request.url === '/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
    } else if (request.url === '/keys') response.end(JSON.stringify({ keys }));
    else response.writeHead(404).end('nothing here');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

interface FileStub extends ConfigurationSource {
  write(text: string): void;
}

function file(text: string): FileStub {
  let listener: ((text: string) => void) | undefined;
  const follow = (onText: (next: string) => void) => {
    listener = onText;
  };
  return { text, follow, write: (next) => listener?.(next) };
}

const configuration = (jwt: object, more: object = {}) =>
  JSON.stringify({
    ...{ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' },
    jwt: [{ issuer: { url: issuer, audiences: ['kapella'], certificateAuthority: ca }, ...jwt }],
    ...more,
  });
const sub = { claimMappings: { username: { claim: 'sub', prefix: 'oidc:' }, groups: { claim: 'groups', prefix: '' } } };

async function start(text = configuration(sub)) {
  const stop = new AbortController();
  const clock = createTestClock();
  const records: LogRecord[] = [];
  const ctx = {
    ...{ signal: stop.signal, clock, random: createTestRandom() },
    log: createLogger((record) => records.push(record)),
  };
  const source = file(text);
  const metrics = createMetricsRegistry();
  const options = { caller: createHttpCaller(), metrics, disallowedIssuers: ['https://own'] };
  const tokens = createStructuredAuthentication(source, { ...options, signingAlgorithms: SIGNING_ALGORITHMS }, ctx);
  const started = await startTestServer({ authenticator: createAuthenticator({ tokens: [tokens] }), metrics });
  const ask = async (token: string) => {
    const request = requestOf('GET', '/api/v1/namespaces', undefined, { authorization: `Bearer ${token}` }, undefined);
    return answerOf(await started.server.handle(request, ctx)).status;
  };
  const userOf = async (token: string) => (await tokens.authenticateToken(token, undefined, ctx))?.user;
  /** Waits for what happens over real sockets. */
  const until = async (holds: () => boolean | Promise<boolean>) => {
    for (let i = 0; i < 500 && !(await holds()); i++) await new Promise((done) => setTimeout(done, 5));
    assert.ok(await holds());
  };
  return { ask, userOf, until, stop, clock, source, records, metrics };
}

const isReady = async (userOf: (token: string) => Promise<unknown>, token: string) =>
  userOf(token).then(
    (user) => user !== undefined,
    () => false,
  );

test('a token of the provider names its user; keys are fetched once, and again for one that is unknown', async () => {
  const first = await createKey('k1');
  keys = [first.jwk];
  const { ask, userOf, until, metrics, stop } = await start();
  const token = await first.sign({ groups: ['devs'] });
  await until(() => isReady(userOf, token));
  assert.equal(await ask(token), 200);
  assert.deepEqual(await userOf(token), { username: 'oidc:jane', groups: ['devs'] });
  const before = keyRequests;
  for (let i = 0; i < 5; i++) assert.equal(await ask(await first.sign({ n: i })), 200);
  assert.equal(keyRequests, before);
  const second = await createKey('k2', 'ES256');
  assert.equal(await ask(await second.sign({})), 401);
  keys = [first.jwk, second.jwk];
  const together = await Promise.all([1, 2, 3].map(async (n) => ask(await second.sign({ n }))));
  assert.deepEqual(together, [200, 200, 200]);
  assert.ok(keyRequests - before <= 4, 'requests that come together ask once');
  assert.match(metrics.text(), /jwks_fetch_last_timestamp_seconds\{result="success",jwt_issuer="https:/);
  stop.abort();
});

test('what is expired, for others, of others, or signed otherwise is refused', async () => {
  const [key, ec, stranger] = [await createKey('k1'), await createKey('k2', 'ES384'), await createKey('k1')];
  keys = [key.jwk, ec.jwk];
  const { ask, userOf, until, records, stop } = await start();
  await until(async () => isReady(userOf, await key.sign({})));
  const bad = await Promise.all([
    key.sign({ exp: NOW - 1 }),
    key.sign({ exp: undefined }),
    key.sign({ aud: 'elsewhere' }),
    key.sign({ nbf: NOW + 120 }),
    key.sign({ iss: 'https://elsewhere' }),
    key.sign({ sub: 5 }),
    stranger.sign({}),
    ec.sign({}, { kid: 'k1' }),
  ]);
  for (const token of bad) assert.equal(await ask(token), 401, token);
  const [header = '', payload = ''] = bad[0]!.split('.');
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
  for (const token of [`${header}.${payload}.`, unsigned, 'a.b.c', 'x', `${'a'.repeat(100_000)}.b.c`]) {
    assert.equal(await ask(token), 401);
  }
  const log = JSON.stringify(records);
  for (const token of bad) assert.ok(!log.includes(token.split('.')[2]!), 'no signature in the log');
  assert.ok(log.includes('oidc: token is expired'), 'but why it was refused');
  assert.equal(await ask(await key.sign({ nbf: NOW + 30 })), 200);
  stop.abort();
});

test('several audiences, expressions and rules of the file hold', async () => {
  const key = await createKey('k1');
  keys = [key.jwk];
  const { userOf, until, stop } = await start(
    configuration({
      issuer: { url: issuer, audiences: ['a', 'b'], audienceMatchPolicy: 'MatchAny', certificateAuthority: ca },
      claimMappings: {
        username: { expression: 'claims.sub + "@" + claims.org' },
        extra: [{ key: 'example.org/org', valueExpression: 'claims.org' }],
      },
      claimValidationRules: [{ expression: 'claims.org != "evil"', message: 'not this organisation' }],
      userValidationRules: [{ expression: '!user.username.startsWith("system:")', message: 'reserved' }],
    }),
  );
  const token = await key.sign({ aud: ['b', 'x'], org: 'acme' });
  await until(() => isReady(userOf, token));
  const user = await userOf(token);
  assert.equal(user?.username, 'jane@acme');
  assert.deepEqual(user?.extra?.['example.org/org'], ['acme']);
  await assert.rejects(userOf(await key.sign({ aud: 'c', org: 'acme' })), {
    message: 'oidc: verify token: oidc: expected audience in ["a" "b"] got ["c"]',
  });
  await assert.rejects(userOf(await key.sign({ aud: 'a', org: 'evil' })), /failed: not this organisation$/);
  await assert.rejects(userOf(await key.sign({ aud: 'a', org: 'x', sub: 'system:' })), /failed: reserved$/);
  stop.abort();
});

test('groups that the token only points to are fetched with its access token', async () => {
  const key = await createKey('k1');
  keys = [key.jwk];
  extraAnswers = new Map([['/groups', () => key.sign({ groups: ['far'] })]]);
  const { userOf, until, stop } = await start();
  const token = await key.sign({
    _claim_names: { groups: 'src' },
    _claim_sources: { src: { endpoint: `${issuer}/groups`, access_token: 'x' } },
  });
  await until(() => isReady(userOf, token));
  assert.deepEqual((await userOf(token))?.groups, ['far']);
  extraAnswers = new Map([['/groups', () => key.sign({ other: [] })]]);
  const again = await key.sign({
    _claim_names: { groups: 'src' },
    _claim_sources: { src: { endpoint: `${issuer}/groups` } },
    n: 2,
  });
  await assert.rejects(userOf(again), /did not contain claim: groups$/);
  extraAnswers = new Map();
  stop.abort();
});

test('the discovery document may lie elsewhere; one of another issuer is refused', async () => {
  const key = await createKey('k1');
  keys = [key.jwk];
  const logical = 'https://logical.example.com';
  const document = (of: string) => async () => JSON.stringify({ issuer: of, jwks_uri: `${issuer}/keys` });
  extraAnswers = new Map([
    ['/internal', document(logical)],
    ['/wrong', document('https://other')],
  ]);
  const at = (path: string) =>
    configuration({
      ...sub,
      issuer: { url: logical, discoveryURL: `${issuer}${path}`, audiences: ['kapella'], certificateAuthority: ca },
    });
  const right = await start(at('/internal'));
  const token = await key.sign({ iss: logical });
  await right.until(() => isReady(right.userOf, token));
  const wrong = await start(at('/wrong'));
  await wrong.until(() => wrong.records.length > 0);
  assert.match(JSON.stringify(wrong.records), /issuer did not match the issuer returned by provider/);
  await assert.rejects(wrong.userOf(token), { message: 'oidc: authenticator not initialized' });
  extraAnswers = new Map();
  right.stop.abort();
  wrong.stop.abort();
});

test('a changed file is taken over; a wrong one, or one with other anonymous rules, is not', async () => {
  const key = await createKey('k1');
  keys = [key.jwk];
  const { userOf, until, source, records, metrics, stop } = await start();
  const token = await key.sign({});
  await until(() => isReady(userOf, token));
  const failures = () => records.filter(({ event }) => event === 'configuration not reloaded');
  source.write('kind: Pod');
  await until(() => failures().length === 1);
  source.write(configuration({ claimMappings: {} }));
  await until(() => failures().length === 2);
  assert.match(String(failures()[1]?.fields['error']), /jwt\[0\]\.claimMappings\.username: Required value/);
  source.write(configuration(sub, { anonymous: { enabled: true } }));
  await until(() => failures().length === 3);
  assert.match(String(failures()[2]?.fields['error']), /anonymous: Forbidden: changed from initial configuration file/);
  assert.equal((await userOf(token))?.username, 'oidc:jane');
  source.write(configuration({ claimMappings: { username: { claim: 'sub', prefix: 'new:' } } }));
  await until(async () => (await userOf(token))?.username === 'new:jane');
  assert.match(metrics.text(), /automatic_reloads_total\{status="success"\} 1/);
  assert.match(metrics.text(), /automatic_reloads_total\{status="failure"\} 3/);
  stop.abort();
});

test('a provider that is not there yet is asked again', async () => {
  const key = await createKey('k1');
  keys = [key.jwk];
  extraAnswers = new Map([['/.well-known/openid-configuration', async () => 'not yet']]);
  const { userOf, until, clock, records, stop } = await start();
  await until(() => records.some(({ event }) => event === 'OpenID provider not ready'));
  const token = await key.sign({});
  await assert.rejects(userOf(token), { message: 'oidc: authenticator not initialized' });
  extraAnswers = new Map();
  await until(async () => {
    clock.advance(10_000);
    return isReady(userOf, await key.sign({ exp: clock.nowMs() / 1000 + 60 }));
  });
  stop.abort();
});
