/** Requests of the server's own, against a real HTTPS server. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createCertificates } from './test-certificates.test-support.ts';
import { createHttpCaller } from './http-caller.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
const call = createHttpCaller();
let server: Server;
let url: string;
let ca: string;
let own: string;

before(async () => {
  const certificates = await createCertificates();
  ca = certificates.ca;
  own = certificates.cert;
  server = createServer({ cert: certificates.cert, key: certificates.key }, (request, response) => {
    if (request.url?.startsWith('/slow') === true) return;
    let body = '';
    request.on('data', (text: Buffer) => {
      body += text.toString();
    });
    request.on('end', () => response.end(JSON.stringify({ path: request.url, host: request.headers.host, body })));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.close();
  server.closeAllConnections();
});

const request = (path: string, more: object = {}) => ({
  method: 'POST',
  url: `${url}${path}`,
  headers: { 'content-type': 'application/json' },
  body: new TextEncoder().encode('hello'),
  timeoutMs: 2_000,
  bytesMax: 10_000,
  tls: { ca },
  ...more,
});
const json = (body: Uint8Array) => JSON.parse(new TextDecoder().decode(body));

test('posts to a server that the given CA vouches for', async () => {
  const { status, body } = await call(request('/a?b=1'), ctx);
  assert.equal(status, 200);
  assert.deepEqual([json(body).path, json(body).body], ['/a?b=1', 'hello']);
});

test('trusts the very certificate that it is given', async () => {
  assert.equal((await call(request('/', { tls: { ca: own } }), ctx)).status, 200);
});

test('connects where it is told and checks the name it is told', async () => {
  const { port } = server.address() as AddressInfo;
  const tls = { ca, serverName: 'hook.default.svc' };
  const given = { url: 'https://hook.default.svc:443/x', connectTo: { host: '127.0.0.1', port }, tls };
  const { body } = await call(request('', given), ctx);
  assert.deepEqual([json(body).path, json(body).host], ['/x', 'hook.default.svc']);
  await assert.rejects(call(request('', { ...given, tls: { ca, serverName: 'other.svc' } }), ctx), /altnames/);
});

test('a stranger, a slow server and too much are errors', async () => {
  await assert.rejects(call(request('/', { tls: {} }), ctx), /certificate/);
  await assert.rejects(call(request('/slow', { timeoutMs: 50 }), ctx), /context deadline exceeded/);
  await assert.rejects(call(request('/', { bytesMax: 3 }), ctx), /more than 3 bytes/);
});
