/** Shutting down on a real port: what is under way ends well, watches end without an error, probes tell of it. */
import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request as requestHttps } from 'node:https';
import { after, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createMemoryStore } from '@kapella/store';
import { createAuthenticator } from '../auth/authenticate.ts';
import { alwaysAllow } from '../auth/authorize.ts';
import { createMetricsRegistry } from '../metrics/registry.ts';
import { defineResource } from '../resource.ts';
import { createApiServer } from '../server/server.ts';
import { configMapDefinition, namespaceDefinition } from '../test-support.ts';
import { startHttpsServer } from './https-server.ts';
import { createCertificates } from './test-certificates.test-support.ts';

const { ca, cert, key } = await createCertificates();
const stop = new AbortController();
const ctx = hostCtx(stop.signal, silentLogger);
after(() => stop.abort());

/** A server with a kind whose answers wait until they are let go. */
async function slowServer(options: { readonly goawayChance?: number } = {}) {
  const held: (() => void)[] = [];
  const slow = defineResource({
    id: { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview', plural: 'selfsubjectreviews' },
    scope: 'cluster',
    columns: [],
    virtual: async (review) => {
      await new Promise<void>((resolve) => held.push(resolve));
      return review;
    },
  });
  const server = createApiServer(
    {
      store: createMemoryStore(),
      resources: [namespaceDefinition, configMapDefinition, slow],
      authenticator: createAuthenticator({ tokens: [] }),
      authorizer: alwaysAllow,
      metrics: createMetricsRegistry(),
    },
    ctx,
  );
  await server.ready(ctx);
  const kubelet = { certificate: cert, privateKey: key };
  const tls = { certificate: cert, privateKey: key, clientCa: ca };
  const https = await startHttpsServer({ server, host: '127.0.0.1', port: 0, ...tls, kubelet, ...options }, ctx);
  const until = async (count: number) => {
    while (held.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  return { server, https, url: `https://127.0.0.1:${https.port}`, held, until };
}

const SLOW = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

function overHttp1(url: string, agent: Agent): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const request = requestHttps(`${url}${SLOW}`, { method: 'POST', ca, agent, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', reject);
    request.end('{}');
  });
}

test('requests under way are answered, watches end without an error, then the port is closed', async () => {
  const { https, url, held, until } = await slowServer();
  const session = connectHttp2(url, { ca });
  const errors: unknown[] = [];
  session.on('error', (error) => errors.push(error));
  const watch = session.request({ ':path': '/api/v1/namespaces?watch=true' });
  watch.on('error', (error) => errors.push(error));
  await new Promise((resolve) => watch.once('response', resolve));
  const watchEnded = new Promise<number>((resolve) => watch.once('close', () => resolve(watch.rstCode)));
  watch.resume();
  const agent = new Agent({ keepAlive: true });
  const first = overHttp1(url, agent);
  const second = session.request({ ':path': SLOW, ':method': 'POST', 'content-type': 'application/json' });
  second.end('{}');
  const status = new Promise<number>((resolve) =>
    second.once('response', (headers) => resolve(Number(headers[':status']))),
  );
  second.resume();
  await until(2);

  const closing = https.close();
  assert.equal(await watchEnded, 0, 'the watch ends, it is not cut');
  for (const go of held) go();
  assert.equal((await first).status, 201);
  assert.equal(await status, 201);
  await closing;
  assert.deepEqual(errors, []);
  agent.destroy();
  await assert.rejects(overHttp1(url, new Agent()), /ECONNREFUSED/);
});

test('with --goaway-chance a connection is told to go, and its answer still comes', async () => {
  const { https, url } = await slowServer({ goawayChance: 1 });
  const session = connectHttp2(url, { ca });
  const goaway = new Promise<number>((resolve) => session.once('goaway', (code) => resolve(code)));
  const stream = session.request({ ':path': '/api/v1/namespaces' });
  const status = new Promise<number>((resolve) =>
    stream.once('response', (headers) => resolve(Number(headers[':status']))),
  );
  stream.resume();
  assert.equal(await status, 200);
  assert.equal(await goaway, 0);
  await https.close();
});

test('while it refuses, new requests are told to come again, and probes are served', async () => {
  const { server, https } = await slowServer();
  server.lifecycle.beginRefusing();
  const ask = (path: string, headers = {}) => server.handle({ method: 'GET', path, query: '', headers }, ctx);
  const refused = await ask('/api/v1/namespaces');
  assert.equal(refused.status, 429);
  assert.equal(refused.headers['retry-after'], '5');
  const text = new TextDecoder().decode(refused.body as Uint8Array);
  assert.equal(text, 'The apiserver is shutting down, please try again later.\n');
  assert.notEqual((await ask('/readyz')).status, 429);
  assert.equal((await ask('/api/v1/namespaces', { 'user-agent': 'kube-apiserver/v1.36' })).status, 200);
  await https.close();
});
