/** APIServices through the API: what becomes of requests for a group that another server serves. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
  alwaysAllow,
  type AnyDefinition,
  type ApiServer,
  type ConnectTarget,
  createApiServer,
  createAuthenticator,
  createMetricsRegistry,
  type OutboundRequest,
  type ServerRequest,
} from '@kapella/apiserver';
import { type Ctx, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createServiceAllocator, resources } from '@kapella/resources';
import { createMemoryStore } from '@kapella/store';
import { type Aggregator, createAggregator } from './aggregator.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
type Json = any;

const SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const FLUNDERS = '/apis/wardle.example.com/v1alpha1/namespaces/default/flunders';
const JANE = {
  username: 'jane',
  uid: '7',
  groups: ['dev', 'system:authenticated'],
  extra: { 'example.com/Scope': ['a'] },
};
const flunder = {
  name: 'flunders',
  singularName: 'flunder',
  namespaced: true,
  kind: 'Flunder',
  verbs: ['get', 'list'],
};
const encoder = new TextEncoder();
const decoder = new TextDecoder();

let stop: AbortController;
let ctx: Ctx;
let server: ApiServer;
let aggregator: Aggregator;
/** What reached the extension server. */
let sent: { readonly target: ConnectTarget; readonly request: ServerRequest }[];
let checks: OutboundRequest[];
let discovery: { status: number; resources: readonly object[] };

beforeEach(async () => {
  stop = new AbortController();
  ctx = hostCtx(stop.signal, silentLogger);
  sent = [];
  checks = [];
  discovery = { status: 200, resources: [flunder] };
  server = createApiServer(
    {
      store: createMemoryStore(),
      resources: resources as readonly AnyDefinition[],
      authenticator: createAuthenticator({ tokens: [] }),
      authorizer: alwaysAllow,
      metrics: createMetricsRegistry(),
      services: new Map([
        ['serviceAllocator', createServiceAllocator({ cidrs: ['10.43.0.0/16'], random: ctx.random })],
      ]),
      delegate: async (request, info, user, inner) => aggregator.serve(request, info, user, inner),
      delegateConnect: async (request, info, user) => aggregator.connect(request, info, user),
    },
    ctx,
  );
  await server.ready(ctx);
  aggregator = createAggregator(
    server,
    {
      identity: { certificate: 'front-proxy', privateKey: 'its key' },
      async caller(request) {
        checks.push(request);
        const body = encoder.encode(JSON.stringify({ resources: discovery.resources }));
        return { status: discovery.status, headers: {}, body };
      },
      async dialer(target, request) {
        sent.push({ target, request });
        return { status: 200, headers: {}, body: encoder.encode('{"kind":"FlunderList"}') };
      },
    },
    ctx,
  );
});

afterEach(() => {
  stop.abort();
  server.close();
});

async function ask(method: string, url: string, body?: object, headers: Record<string, string> = {}) {
  const [path = '', query = ''] = url.split('?');
  const request = { method, path, query, user: JANE, headers: { 'content-type': 'application/json', ...headers } };
  const payload = body === undefined ? {} : { body: encoder.encode(JSON.stringify(body)) };
  const response = await server.handle({ ...request, ...payload }, ctx);
  const text = decoder.decode(response.body as Uint8Array);
  return { status: response.status, json: (text.startsWith('{') ? JSON.parse(text) : text) as Json };
}

async function condition(name: string): Promise<Json> {
  const { json } = await ask('GET', `${SERVICES}/${name}`);
  return json.status?.conditions?.find(({ type }: { readonly type: string }) => type === 'Available');
}

async function eventually(what: string, probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`waited 5 s until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function register(serviceType: object = { type: 'ExternalName', externalName: 'wardle.local' }): Promise<void> {
  await ask('POST', '/api/v1/namespaces', { metadata: { name: 'wardle' } });
  const service = { metadata: { name: 'api' }, spec: serviceType };
  const added = await ask('POST', '/api/v1/namespaces/wardle/services', service);
  assert.equal(added.status, 201, JSON.stringify(added.json));
  const created = await ask('POST', SERVICES, {
    metadata: { name: 'v1alpha1.wardle.example.com' },
    spec: {
      group: 'wardle.example.com',
      version: 'v1alpha1',
      groupPriorityMinimum: 2000,
      versionPriority: 200,
      insecureSkipTLSVerify: true,
      service: { namespace: 'wardle', name: 'api', port: 7443 },
    },
  });
  assert.equal(created.status, 201, JSON.stringify(created.json));
}

const isAvailable = async () => (await condition('v1alpha1.wardle.example.com'))?.status === 'True';

test('requests of the group go to its server, with the name of who asked and without the proof', async () => {
  await register();
  await eventually('the APIService is available', isAvailable);
  const answer = await ask('GET', `${FLUNDERS}?limit=5`, undefined, {
    authorization: 'Bearer secret',
    'x-remote-user': 'mallory',
    cookie: 'session',
  });
  assert.equal(answer.json.kind, 'FlunderList');
  const [{ target, request } = assert.fail('nothing was sent')] = sent;
  assert.deepEqual([target.host, target.port, target.path], ['wardle.local', 7443, `${FLUNDERS}?limit=5`]);
  assert.equal(target.tls?.certificate, 'front-proxy');
  const { headers } = request;
  assert.equal(headers['x-remote-user'], 'jane');
  assert.equal(headers['x-remote-uid'], '7');
  assert.deepEqual(headers['x-remote-group'], ['dev', 'system:authenticated']);
  assert.deepEqual(headers['x-remote-extra-example.com%2Fscope'], ['a']);
  assert.equal(headers['authorization'], undefined);
  assert.equal(headers['cookie'], undefined);
});

test('its resources are told of while it is available', async () => {
  await register();
  await eventually('its resources are known', async () => aggregator.resources().length > 0);
  const [found] = aggregator.resources();
  assert.deepEqual([found?.group, found?.version, found?.plural], ['wardle.example.com', 'v1alpha1', 'flunders']);
  await ask('DELETE', `${SERVICES}/v1alpha1.wardle.example.com`);
  await eventually('its resources are forgotten', async () => aggregator.resources().length === 0);
  assert.equal((await ask('GET', FLUNDERS)).status, 404);
});

test('a server that answers with an error is unavailable, and asking it is 503', async () => {
  discovery = { status: 500, resources: [] };
  await register();
  await eventually(
    'the check failed',
    async () => (await condition('v1alpha1.wardle.example.com'))?.status === 'False',
  );
  const found = await condition('v1alpha1.wardle.example.com');
  assert.equal(found.reason, 'FailedDiscoveryCheck');
  assert.match(
    found.message,
    /bad status from https:\/\/api\.wardle\.svc:7443\/apis\/wardle\.example\.com\/v1alpha1: 500/,
  );
  const answer = await ask('GET', FLUNDERS);
  assert.deepEqual([answer.status, answer.json], [503, 'service unavailable\n']);
  assert.equal(sent.length, 0);
});

test('a service without endpoints is not even asked', async () => {
  await register({ ports: [{ port: 7443 }] });
  await eventually(
    'the check failed',
    async () => (await condition('v1alpha1.wardle.example.com'))?.status === 'False',
  );
  assert.equal((await condition('v1alpha1.wardle.example.com')).reason, 'MissingEndpoints');
  assert.equal(checks.length, 0);
  const slice = {
    metadata: { name: 'api-1', labels: { 'kubernetes.io/service-name': 'api' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.3'] }],
  };
  const added = await ask('POST', '/apis/discovery.k8s.io/v1/namespaces/wardle/endpointslices', slice);
  assert.equal(added.status, 201, JSON.stringify(added.json));
  await eventually('the endpoint was noticed', isAvailable);
});

test('what this server serves itself has APIServices too, the core group among them', async () => {
  await eventually('the core group is registered', async () => (await condition('v1.')) !== undefined);
  assert.equal((await condition('v1.')).reason, 'Local');
  await eventually('apps is registered', async () => (await condition('v1.apps'))?.status === 'True');
  const { json } = await ask('GET', `${SERVICES}/v1.apps`);
  assert.equal(json.metadata.labels['kube-aggregator.kubernetes.io/automanaged'], 'onstart');
});

test('its documents of OpenAPI v3 are asked of it, and upgrades go to it under the name of who asked', async () => {
  await register();
  await eventually('the APIService is available', isAvailable);
  await ask('GET', '/openapi/v3/apis/wardle.example.com/v1alpha1?hash=A');
  assert.equal(sent.at(-1)?.target.path, '/openapi/v3/apis/wardle.example.com/v1alpha1?hash=A');
  const path = `${FLUNDERS}/a/exec`;
  const headers = { authorization: 'Bearer secret', 'x-remote-user': 'mallory' };
  const target = await server.connect({ method: 'POST', path, query: 'command=ls', user: JANE, headers }, ctx);
  assert.deepEqual([target.host, target.port, target.path], ['wardle.local', 7443, `${path}?command=ls`]);
  assert.equal(target.headers?.['x-remote-user'], 'jane');
  assert.equal(target.headers?.['authorization'], undefined);
  assert.equal(target.tls?.certificate, 'front-proxy');
});
