/** Authentication and authorization put together: what clients see through the API. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpCaller, OutboundRequest, ServiceAccountTokens, UserInfo } from '@kapella/apiserver';
import { createLogger, type LogRecord, type Timer } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createMemoryStore } from '@kapella/store';
import { type ApiParts, assembleApiServer } from './assemble.ts';

const decoder = new TextDecoder();
const MASTER: UserInfo = { username: 'admin', groups: ['system:masters'] };

const noTokens: ServiceAccountTokens = {
  ...{ defaultAudiences: ['api'], issuer: 'https://own', issuers: ['https://own'], algorithms: [] },
  expirationSecondsMax: undefined,
  issue: async () => assert.fail('no token is asked for'),
  issueLegacy: async () => assert.fail('no token is asked for'),
  authenticator: () => ({ authenticateToken: async () => undefined }),
  jwks: () => ({ keys: [] }),
};

async function start(
  parts: Partial<ApiParts>,
  answer: (review: { readonly spec: { readonly token?: string } }, url: string) => object,
) {
  const stop = new AbortController();
  const records: LogRecord[] = [];
  const host = hostCtx(
    stop.signal,
    createLogger((record) => records.push(record)),
  );
  const timers: Timer[] = [];
  const setTimer = (delayMs: number, fn: () => void) => {
    const timer = host.clock.setTimer(delayMs, fn);
    timers.push(timer);
    return timer;
  };
  const ctx = { ...host, clock: { ...host.clock, setTimer } };
  const calls: { readonly url: string; readonly review: Record<string, unknown> }[] = [];
  const caller: HttpCaller = async (request: OutboundRequest) => {
    const review = JSON.parse(decoder.decode(request.body));
    calls.push({ url: request.url, review });
    const status = answer(review, request.url);
    return { status: 200, headers: {}, body: new TextEncoder().encode(JSON.stringify({ ...review, status })) };
  };
  const server = await assembleApiServer(
    {
      ...{ store: createMemoryStore(), tokens: noTokens, anonymous: true, authorizationModes: ['AlwaysAllow'] },
      ...{ admission: [], serviceCidrs: ['10.0.0.0/16'], frontProxy: { certificate: '', privateKey: '' } },
      ...{ serverAddress: 'here', caller, descriptions: async () => undefined },
      dialer: (async () => assert.fail('nothing is dialled')) as unknown as ApiParts['dialer'],
      ...parts,
    },
    ctx,
  );
  const ask = async (method: string, path: string, body?: object, who: UserInfo | string = MASTER) => {
    const headers: Record<string, string> = typeof who === 'string' ? { authorization: `Bearer ${who}` } : {};
    const request = {
      ...{ method, path, query: '', headers: { ...headers, 'content-type': 'application/json' } },
      ...(typeof who === 'string' ? {} : { user: who }),
      ...(body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) }),
    };
    const response = await server.handle(request, ctx);
    const text = decoder.decode(response.body as Uint8Array);
    return { status: response.status, text, json: text.startsWith('{') ? JSON.parse(text) : undefined };
  };
  const close = () => {
    stop.abort();
    server.close();
    for (const timer of timers) timer.cancel();
  };
  return { ask, calls, records, close };
}

const AUTHN = '/apis/authentication.k8s.io/v1';
const AUTHZ = '/apis/authorization.k8s.io/v1';
const webhookTarget = { url: 'https://hook', tls: {}, headers: () => ({ authorization: 'Bearer own-secret' }) };

test('each way to know a token is there, for requests and for TokenReviews', async () => {
  const { ask, calls, records, close } = await start(
    {
      authentication: {
        tokenUsers: new Map([['file-token', { username: 'filed', groups: ['devs'] }]]),
        bootstrapTokens: true,
        webhook: { target: webhookTarget, version: 'v1', cacheTtlMs: 60_000 },
      },
    },
    ({ spec }) => (spec.token === 'hooked' ? { authenticated: true, user: { username: 'h' } } : {}),
  );
  const whoAmI = async (token: string) => {
    const { status, json } = await ask('POST', `${AUTHN}/selfsubjectreviews`, {}, token);
    return status === 201 ? [json.status.userInfo.username, ...json.status.userInfo.groups] : status;
  };
  assert.deepEqual(await whoAmI('file-token'), ['filed', 'devs', 'system:authenticated']);
  assert.deepEqual(await whoAmI('hooked'), ['h', 'system:authenticated']);
  assert.equal(await whoAmI('abcdef.0123456789abcdef'), 401);
  await ask('POST', '/api/v1/namespaces', { metadata: { name: 'kube-system' } });
  await ask('POST', '/api/v1/namespaces/kube-system/secrets', {
    metadata: { name: 'bootstrap-token-abcdef' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: { 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-authentication': 'true' },
  });
  const { text } = await ask('GET', '/metrics');
  assert.match(text, /authentication_attempts\{result="success"\} 2/);
  assert.match(text, /authentication_attempts\{result="failure"\} 1/);
  assert.match(text, /authenticated_user_requests\{username="other"\} 2/);
  const bootstrapper = ['system:bootstrap:abcdef', 'system:bootstrappers', 'system:authenticated'];
  assert.deepEqual(await whoAmI('abcdef.0123456789abcdef'), bootstrapper);
  await ask('DELETE', '/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef');

  const review = async (spec: object) => (await ask('POST', `${AUTHN}/tokenreviews`, { spec })).json.status;
  assert.deepEqual(await review({ token: 'file-token' }), {
    authenticated: true,
    user: { username: 'filed', groups: ['devs', 'system:authenticated'] },
    audiences: ['api'],
  });
  assert.deepEqual(await review({ token: 'file-token', audiences: ['else'] }), {
    user: {},
    error: 'invalid bearer token',
  });
  assert.deepEqual(await review({ token: 'unheard-of' }), { user: {}, error: 'invalid bearer token' });
  assert.equal(calls.filter(({ review: { spec } }) => (spec as { token: string }).token === 'hooked').length, 1);
  const log = JSON.stringify(records);
  assert.equal(records.filter(({ event }) => event === 'request not authenticated').length, 1);
  for (const secret of ['file-token', 'hooked', '0123456789abcdef', 'own-secret', 'unheard-of']) {
    assert.ok(!log.includes(secret), `${secret} is not in the log`);
  }
  close();
});

const webhookAuthorizer = {
  kubeconfig: () => webhookTarget,
  configuration: {
    authorizers: [
      {
        ...{ type: 'Webhook', name: 'hook' },
        webhook: {
          ...{ authorizedTTL: 1, cacheAuthorizedRequests: false, unauthorizedTTL: 1, cacheUnauthorizedRequests: false },
          ...{ timeout: 1000, subjectAccessReviewVersion: 'v1', matchConditionSubjectAccessReviewVersion: '' },
          ...{ failurePolicy: 'NoOpinion', connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/k' } },
          matchConditions: [],
        },
      },
    ],
  },
};

test('reviews of access carry selectors to whom they are for; what cannot be read is left out and said', async () => {
  const { ask, calls, close } = await start({ authorization: webhookAuthorizer }, () => ({ allowed: true }));
  const review = async (selectors: object) => {
    calls.length = 0;
    const resourceAttributes = { verb: 'list', resource: 'pods', ...selectors };
    const spec = { user: 'jane', resourceAttributes };
    const { json } = await ask('POST', `${AUTHZ}/subjectaccessreviews`, { spec });
    const asked = (calls[0]?.review['spec'] as { resourceAttributes?: object } | undefined)?.resourceAttributes;
    return { json, asked: asked as Record<string, unknown> | undefined };
  };
  const raw = await review({
    fieldSelector: { rawSelector: 'spec.nodeName=n' },
    labelSelector: { rawSelector: 'a in (b)' },
  });
  assert.deepEqual(raw.json.status, { allowed: true });
  assert.deepEqual(raw.asked, {
    ...{ verb: 'list', resource: 'pods', version: '*' },
    fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n'] }] },
    labelSelector: { requirements: [{ key: 'a', operator: 'In', values: ['b'] }] },
  });
  const odd = await review({
    fieldSelector: {
      requirements: [
        { key: 'spec.nodeName', operator: 'NotIn', values: ['n'] },
        { key: 'x', operator: 'Exists' },
        { key: 'y', operator: 'Like', values: ['z'] },
      ],
    },
    labelSelector: { rawSelector: 'a in (' },
  });
  assert.equal(
    odd.json.status.evaluationError,
    'spec.resourceAttributes.fieldSelector partially ignored due to parse error; ' +
      'spec.resourceAttributes.labelSelector ignored due to parse error',
  );
  assert.deepEqual(odd.asked?.['fieldSelector'], {
    requirements: [{ key: 'spec.nodeName', operator: 'NotIn', values: ['n'] }],
  });
  assert.equal(odd.asked?.['labelSelector'], undefined);
  close();
});

const badSpecs: readonly [object, string][] = [
  [
    { user: 'j', resourceAttributes: { fieldSelector: {} } },
    'spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is ' +
      'specified, requirements or rawSelector is required',
  ],
  [
    {
      user: 'j',
      resourceAttributes: { labelSelector: { rawSelector: 'a', requirements: [{ key: 'a', operator: 'Exists' }] } },
    },
    'spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a": may not specified at the same time as requirements',
  ],
  [
    { user: 'j', resourceAttributes: { labelSelector: { requirements: [{ key: 'a', operator: 'In' }] } } },
    'spec.resourceAttributes.labelSelector.requirements[0].values: Required value: must be specified when `operator` is ' +
      "'In' or 'NotIn'",
  ],
  [
    { user: 'j', resourceAttributes: { fieldSelector: { requirements: [{ operator: 'Exists', values: ['x'] }] } } },
    '[spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified, ' +
      'spec.resourceAttributes.fieldSelector.requirements[0].values: Forbidden: may not be specified when `operator` is ' +
      "'Exists' or 'DoesNotExist']",
  ],
  [
    { resourceAttributes: {}, nonResourceAttributes: { path: '/x' } },
    '[spec.nonResourceAttributes: Invalid value: {"path":"/x"}: cannot be specified in combination with ' +
      'resourceAttributes, spec.user: Invalid value: "": at least one of user or group must be specified]',
  ],
];

test('bad reviews are refused with all that is wrong', async () => {
  const { ask, close } = await start({}, () => ({}));
  for (const [spec, message] of badSpecs) {
    const { status, json } = await ask('POST', `${AUTHZ}/subjectaccessreviews`, { spec });
    assert.equal(status, 422);
    assert.equal(json.message, `.authorization.k8s.io "" is invalid: ${message}`);
  }
  await ask('POST', '/api/v1/namespaces', { metadata: { name: 'ns' } });
  const local = await ask('POST', `${AUTHZ}/namespaces/ns/localsubjectaccessreviews`, {
    spec: { user: 'j', resourceAttributes: { namespace: 'other' } },
  });
  assert.match(
    local.json.message,
    /spec\.resourceAttributes\.namespace: Invalid value: "other": must match metadata\.namespace/,
  );
  close();
});
