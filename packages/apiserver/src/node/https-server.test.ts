/** The HTTPS port on loopback: HTTP/2, HTTP/1.1, client certificates, upgrades, limits, shutdown. */
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { after, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { WebSocket } from 'ws';
import { hostCtx } from '@kapella/base/node';
import { silentLogger } from '@kapella/base';
import { createMemoryStore } from '@kapella/store';
import { createAuthenticator } from '../auth/authenticate.ts';
import { alwaysAllow } from '../auth/authorize.ts';
import { createMetricsRegistry } from '../metrics/registry.ts';
import { defineResource } from '../resource.ts';
import { createConnectDialer } from './dialer.ts';
import { createApiServer } from '../server/server.ts';
import { configMapDefinition, namespaceDefinition } from '../test-support.ts';
import { startHttpsServer } from './https-server.ts';

x509.cryptoProvider.set(webcrypto as never);
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

async function keyPair() {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { keys, pem: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
}

async function makePki(name = 'ca') {
  const ca = await keyPair();
  const caCert = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys: ca.keys as never,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.BasicConstraintsExtension(true)],
  });
  const issue = async (subject: string) => {
    const own = await keyPair();
    const cert = await x509.X509CertificateGenerator.create({
      subject,
      issuer: `CN=${name}`,
      publicKey: own.keys.publicKey as never,
      signingKey: ca.keys.privateKey as never,
      signingAlgorithm: ALGORITHM,
      serialNumber: String(Math.floor(Math.random() * 1e9)),
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
    });
    return { cert: cert.toString('pem'), key: own.pem };
  };
  return {
    ca: caCert.toString('pem'),
    server: await issue('CN=127.0.0.1'),
    client: await issue('O=devs,O=ops,CN=alice'),
  };
}

const pki = await makePki();
const proxyPki = await makePki('proxy-ca');
const stop = new AbortController();
const ctx = hostCtx(stop.signal, silentLogger);

/** Answers who asked. */
const whoami = defineResource({
  id: { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview', plural: 'selfsubjectreviews' },
  scope: 'cluster',
  columns: [],
  virtual: async (review, { user }) => ({
    ...review,
    status: { userInfo: { username: user.username, groups: [...user.groups] } },
  }),
});

const echo = createTcpServer((socket) => {
  socket.once('data', (head) => {
    assert.match(head.toString(), /^GET \/exec\?command=ls HTTP\/1\.1\r\n/);
    assert.doesNotMatch(head.toString(), /authorization/i);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n\r\n');
    socket.on('data', (chunk) => socket.write(chunk));
  });
  socket.on('error', () => {});
});
await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
const echoPort = (echo.address() as AddressInfo).port;

const logs = createHttpServer((request, response) => {
  assert.equal(request.headers.upgrade, undefined);
  if (request.url === '/page') {
    response.setHeader('content-type', 'text/html');
    response.end('<a href="/x">x</a>');
    return;
  }
  response.write('container is alive\n');
  response.end('still\n');
});
await new Promise<void>((resolve) => logs.listen(0, '127.0.0.1', resolve));
const logsPort = (logs.address() as AddressInfo).port;

const podLike = defineResource({
  id: { group: '', version: 'v1', kind: 'Pod', plural: 'pods' },
  scope: 'namespaced',
  columns: [],
  subresources: {
    connects: {
      exec: {
        verbs: ['get', 'create'],
        target: async () => ({
          protocol: 'http',
          host: '127.0.0.1',
          port: echoPort,
          path: '/exec?command=ls',
          kubeletAuth: false,
        }),
      },
      proxy: {
        verbs: ['proxy'],
        target: async () => ({
          protocol: 'http',
          host: '127.0.0.1',
          port: logsPort,
          path: '/page',
          kubeletAuth: false,
        }),
      },
      log: {
        verbs: ['get'],
        target: async () => ({ protocol: 'http', host: '127.0.0.1', port: logsPort, path: '/', kubeletAuth: false }),
      },
    },
  },
});

const kubelet = { certificate: pki.client.cert, privateKey: pki.client.key };
const server = createApiServer(
  {
    dialer: createConnectDialer(kubelet),
    store: createMemoryStore(),
    resources: [namespaceDefinition, configMapDefinition, whoami, podLike],
    authenticator: createAuthenticator({
      tokens: [],
      requestHeaders: {
        ...{ allowedNames: [], usernames: ['X-Remote-User'], uids: [], groups: ['X-Remote-Group'], extraPrefixes: [] },
      },
    }),
    authorizer: alwaysAllow,
    metrics: createMetricsRegistry(),
  },
  ctx,
);
await server.ready(ctx);
const https = await startHttpsServer(
  {
    server,
    host: '127.0.0.1',
    port: 0,
    certificate: pki.server.cert,
    privateKey: pki.server.key,
    ...{ clientCa: pki.ca, frontProxyCa: proxyPki.ca },
    kubelet,
  },
  ctx,
);
const url = `https://127.0.0.1:${https.port}`;
after(async () => {
  echo.close();
  logs.close();
  await https.close();
  stop.abort();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function http2(
  method: string,
  path: string,
  body?: string | Buffer,
  credentials: object = {},
  more: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(url, { ca: pki.ca, ...credentials });
    session.on('error', reject);
    const stream = session.request({
      ...more,
      ':method': method,
      ':path': path,
      'content-type': 'application/json',
    });
    let headers: Record<string, unknown> = {};
    let text = '';
    stream.on('response', (fields) => {
      headers = fields as never;
    });
    stream.on('data', (chunk) => {
      text += chunk;
    });
    stream.on('error', reject);
    stream.on('end', () => {
      session.close();
      resolve({ status: Number(headers[':status']), headers, text });
    });
    stream.end(body);
  });
}

function http1(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = requestHttps(`${url}${path}`, { method, ca: pki.ca, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString('latin1'),
        }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

const CMS = '/api/v1/namespaces/default/configmaps';

test('HTTP/2 and HTTP/1.1 write and read the same objects', async () => {
  const created = await http2('POST', CMS, JSON.stringify({ metadata: { name: 'a' }, data: { k: 'v' } }));
  assert.equal(created.status, 201);
  const read = await http1('GET', `${CMS}/a`);
  assert.equal(read.status, 200);
  assert.equal(JSON.parse(read.text).data.k, 'v');
  assert.equal(read.headers['content-type'], 'application/json');
  assert.ok(read.headers['audit-id']);
});

test('a client certificate of the cluster names its user; none is anonymous', async () => {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const alice = JSON.parse((await http2('POST', path, '{}', { cert: pki.client.cert, key: pki.client.key })).text);
  assert.deepEqual(alice.status.userInfo, { username: 'alice', groups: ['devs', 'ops', 'system:authenticated'] });
  const nobody = JSON.parse((await http2('POST', path, '{}')).text);
  assert.equal(nobody.status.userInfo.username, 'system:anonymous');
  const other = await makePki();
  const stranger = await http2('POST', path, '{}', { cert: other.client.cert, key: other.client.key });
  assert.equal(stranger.status, 401);
});

test('a certificate of the CA of proxies names whom its headers name, and nobody by itself', async () => {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const proxy = { cert: proxyPki.client.cert, key: proxyPki.client.key };
  const named = await http2('POST', path, '{}', proxy, { 'x-remote-user': 'jane', 'x-remote-group': 'a' });
  assert.deepEqual(JSON.parse(named.text).status.userInfo, { username: 'jane', groups: ['a', 'system:authenticated'] });
  assert.equal((await http2('POST', path, '{}', proxy)).status, 401);
  const user = { cert: pki.client.cert, key: pki.client.key };
  const believed = await http2('POST', path, '{}', user, { 'x-remote-user': 'jane' });
  assert.equal(JSON.parse(believed.text).status.userInfo.username, 'alice');
});

test('long tokens are read, endless headers are not, by either version', async () => {
  const bearer = (length: number) => ({ authorization: `Bearer ${'x'.repeat(length)}` });
  const statusOf = (answer: Promise<Answer>) => answer.then(({ status }) => status).catch(() => 'closed');
  // nghttp2 takes no single value of more than 64 KiB, whatever the list of them may be.
  const long = { maxSendHeaderBlockLength: 2 ** 22 };
  assert.equal(await statusOf(http1('GET', CMS, undefined, bearer(200_000))), 401);
  assert.equal(await statusOf(http2('GET', CMS, undefined, long, bearer(60_000))), 401);
  assert.ok([431, 'closed'].includes(await statusOf(http1('GET', CMS, undefined, bearer(1_100_000)))));
  assert.equal(await statusOf(http2('GET', CMS, undefined, long, bearer(1_100_000))), 'closed');
  assert.equal(await statusOf(http2('GET', CMS)), 200);
});

test('a body over 3 MiB is refused with 413, by either version', async () => {
  const body = JSON.stringify({ metadata: { name: 'big' }, data: { k: 'x'.repeat(3 * 1024 * 1024) } });
  for (const answer of [
    await http2('POST', CMS, body),
    await http1('POST', CMS, body, { 'content-type': 'application/json' }),
  ]) {
    assert.equal(answer.status, 413);
    assert.equal(JSON.parse(answer.text).reason, 'RequestEntityTooLarge');
  }
});

test('large answers are compressed for clients that accept it', async () => {
  await http2('POST', CMS, JSON.stringify({ metadata: { name: 'large' }, data: { k: 'x'.repeat(200_000) } }));
  const zipped = await http1('GET', `${CMS}/large`, undefined, { 'accept-encoding': 'gzip' });
  assert.equal(zipped.headers['content-encoding'], 'gzip');
  assert.ok(zipped.text.length < 20_000);
});

test('a large list is the same over HTTP/2 and HTTP/1.1, compressed or not, and a HEAD of it is short', async () => {
  const many = '/api/v1/namespaces/many/configmaps';
  for (let i = 0; i < 8; i++)
    await http2('POST', many, JSON.stringify({ metadata: { name: `m${i}` }, data: { k: String(i).repeat(200_000) } }));
  const whole = await http2('GET', many);
  assert.equal(Number(whole.headers['content-length']), whole.text.length);
  assert.deepEqual(
    JSON.parse(whole.text).items.map(({ data }: { readonly data: { readonly k: string } }) => data.k[0]),
    ['0', '1', '2', '3', '4', '5', '6', '7'],
  );
  assert.equal((await http1('GET', many)).text, whole.text);
  const zipped = await http1('GET', many, undefined, { 'accept-encoding': 'gzip' });
  assert.equal(zipped.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(Buffer.from(zipped.text, 'latin1')).toString(), whole.text);
  assert.equal((await http2('HEAD', many)).text, '');
});

test('a watch streams over HTTP/2 and ends when the client leaves', async () => {
  const session = connectHttp2(url, { ca: pki.ca });
  const stream = session.request({ ':path': `${CMS}?watch=true&fieldSelector=metadata.name%3Dw` });
  const lines = new Promise<string>((resolve) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += chunk;
      if (text.split('\n').length > 2) resolve(text);
    });
  });
  await new Promise((resolve) => stream.once('response', resolve));
  await http2('POST', CMS, JSON.stringify({ metadata: { name: 'w' } }));
  await http2('DELETE', `${CMS}/w`);
  const types = (await lines)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).type);
  assert.deepEqual(types, ['ADDED', 'DELETED']);
  session.destroy();
});

test('an upgrade is carried to its target, bytes unchanged both ways; a refused one is an answer', async () => {
  await http2('POST', '/api/v1/namespaces/default/pods', JSON.stringify({ metadata: { name: 'p' } }));
  const upgrade = (name: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connectTls(
        { host: '127.0.0.1', port: https.port, ca: pki.ca, ALPNProtocols: ['http/1.1'] },
        () => {
          socket.write(
            `GET /api/v1/namespaces/default/pods/${name}/exec?command=ls HTTP/1.1\r\nHost: x\r\nAuthorization: Basic secret\r\n` +
              'Connection: Upgrade\r\nUpgrade: test\r\n\r\n',
          );
        },
      );
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
        if (text.endsWith('\r\n\r\n') && text.includes('101')) socket.write('ping');
        if (text.endsWith('ping') || text.includes('404')) {
          resolve(text);
          socket.destroy();
        }
      });
      socket.on('error', reject);
    });
  assert.match(await upgrade('p'), /^HTTP\/1\.1 101 .*ping$/s);
  assert.match(await upgrade('missing'), /^HTTP\/1\.1 404 .*pods \\"missing\\" not found/s);
});

test('a proxied page without a path moves below its own name, and its links lead back', async () => {
  await http2('POST', '/api/v1/namespaces/default/pods', JSON.stringify({ metadata: { name: 'page' } }));
  const base = '/api/v1/namespaces/default/pods/page/proxy';
  const moved = await http2('GET', `${base}?a=1`);
  assert.deepEqual([moved.status, moved.headers['location']], [301, `${base}/?a=1`]);
  assert.equal((await http2('GET', `${base}/`)).text, `<a href="${base}/x">x</a>`);
  assert.equal((await http2('DELETE', base)).status, 200);
});

test('a log over a WebSocket comes in messages and closes with its end; one that cannot be read is an answer', async () => {
  await http2('POST', '/api/v1/namespaces/default/pods', JSON.stringify({ metadata: { name: 'logged' } }));
  const read = (name: string, protocol: string) =>
    new Promise<string>((resolve, reject) => {
      const path = `/api/v1/namespaces/default/pods/${name}/log?container=main`;
      const socket = new WebSocket(`wss://127.0.0.1:${https.port}${path}`, protocol, { ca: pki.ca });
      let text = '';
      socket.on('message', (data) => {
        text += String(data);
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
  assert.equal(await read('logged', 'binary.k8s.io'), 'container is alive\nstill\n');
  const chunks = ['container is alive\n', 'still\n'].map((line) => Buffer.from(line).toString('base64'));
  assert.equal(await read('logged', 'base64.binary.k8s.io'), chunks.join(''));
  await assert.rejects(read('missing', 'binary.k8s.io'), /404/);
});

test('a watch over a WebSocket comes event by event, as text or as protobuf, and closes with its end', async () => {
  await http2('POST', CMS, JSON.stringify({ metadata: { name: 'watched-1' } }));
  await http2('POST', CMS, JSON.stringify({ metadata: { name: 'watched-2' } }));
  const watch = (accept: string, query: string, protocols: readonly string[] = []) =>
    new Promise<{ messages: { text: string; isBinary: boolean }[]; protocol: string; code: number }>(
      (resolve, reject) => {
        const url = `wss://127.0.0.1:${https.port}${CMS}?watch=true&timeoutSeconds=1&${query}`;
        const socket = new WebSocket(url, [...protocols], { ca: pki.ca, headers: { accept } });
        const messages: { text: string; isBinary: boolean }[] = [];
        socket.on('message', (data, isBinary) => messages.push({ text: String(data), isBinary }));
        socket.on('close', (code) => resolve({ messages, protocol: socket.protocol, code }));
        socket.on('error', reject);
      },
    );
  const json = await watch('application/json', 'resourceVersion=0', ['mine']);
  assert.deepEqual([json.code, json.protocol], [1000, 'mine']);
  const seen = json.messages.map(({ text, isBinary }) => [isBinary, JSON.parse(text).object.metadata.name]);
  assert.deepEqual(seen.slice(-2), [
    [false, 'watched-1'],
    [false, 'watched-2'],
  ]);
  const proto = await watch('application/vnd.kubernetes.protobuf', 'resourceVersion=0');
  assert.equal(proto.messages.length, json.messages.length);
  assert.ok(proto.messages.every(({ text, isBinary }) => isBinary && text.startsWith('\n\x05ADDED')));
  await assert.rejects(watch('application/json', 'fieldSelector=bogus=1'), /400/);
  await http2('DELETE', `${CMS}/watched-1`);
  await http2('DELETE', `${CMS}/watched-2`);
});

test('shutting down ends watches and then the port', async () => {
  const own = await startHttpsServer(
    {
      server,
      host: '127.0.0.1',
      port: 0,
      certificate: pki.server.cert,
      privateKey: pki.server.key,
      clientCa: pki.ca,
      kubelet,
    },
    ctx,
  );
  const session = connectHttp2(`https://127.0.0.1:${own.port}`, { ca: pki.ca });
  session.on('error', () => {});
  const stream = session.request({ ':path': `${CMS}?watch=true` });
  await new Promise((resolve) => stream.once('response', resolve));
  const ended = new Promise((resolve) => stream.once('close', resolve));
  stream.resume();
  await own.close();
  await ended;
  await assert.rejects(
    new Promise((resolve, reject) => {
      const again = connectHttp2(`https://127.0.0.1:${own.port}`, { ca: pki.ca });
      again.once('error', reject);
      again.once('connect', resolve);
    }),
  );
});
