/** The HTTPS transport against a real HTTP/2 server on loopback. */
import assert from 'node:assert/strict';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { coreV1 } from '@kapella/api';
import { type Ctx, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createClient } from '../../../index.ts';
import { createHttpsTransport, parseKubeconfig } from '../../../node/index.ts';

async function certificate() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  x509.cryptoProvider.set(webcrypto as never);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=127.0.0.1',
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { cert: cert.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
}

interface Served {
  readonly server: Http2SecureServer;
  readonly url: string;
  readonly ca: string;
  readonly sessions: ServerHttp2Session[];
  readonly seen: { path: string; authorization: string | undefined; body: string }[];
}

async function serve(): Promise<Served> {
  const { cert, key } = await certificate();
  const sessions: ServerHttp2Session[] = [];
  const seen: Served['seen'] = [];
  const server = createSecureServer({ cert, key });
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path']);
    let body = '';
    stream.on('data', (chunk) => {
      body += chunk;
    });
    stream.on('error', () => {});
    stream.on('end', () => {
      seen.push({ path, authorization: headers.authorization, body });
      if (path.includes('watch=true')) {
        stream.respond({ ':status': 200 });
        const metadata = { name: 'a', namespace: 'default', resourceVersion: '7' };
        stream.write(
          `${JSON.stringify({ type: 'ADDED', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata } })}\n`,
        );
        return;
      }
      stream.respond({ ':status': 200 });
      stream.end(JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' }, echo: body }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { server, url: `https://127.0.0.1:${port}`, ca: cert, sessions, seen };
}

test('one session serves requests and watches, and is opened again when lost', { timeout: 20_000 }, async () => {
  const { server, url, ca, sessions, seen } = await serve();
  const stop = new AbortController();
  const ctx: Ctx = hostCtx(stop.signal, silentLogger);
  const transport = createHttpsTransport({ server: url, ca, token: () => 'secret' });
  const client = createClient(transport, { userAgent: 'test/1' });

  const name = { namespace: 'default', name: 'a' };
  assert.equal((await client.get(coreV1.ConfigMap, name, ctx))?.metadata.name, 'a');
  await client.create(coreV1.ConfigMap, { metadata: name, data: { umlaut: 'ä' } }, ctx);
  assert.match(seen[1]?.body ?? '', /"umlaut":"ä"/);
  assert.equal(seen[0]?.authorization, 'Bearer secret');

  const got: string[] = [];
  const event = Promise.withResolvers<void>();
  const watching = client.watch(
    coreV1.ConfigMap,
    {},
    ({ object }) => {
      got.push(object.metadata.name);
      event.resolve();
    },
    ctx,
  );
  const watchFails = assert.rejects(watching);
  await event.promise;
  assert.deepEqual(got, ['a']);
  assert.equal(sessions.length, 1);

  sessions[0]?.destroy();
  await watchFails;
  assert.equal((await client.get(coreV1.ConfigMap, name, ctx))?.metadata.name, 'a');
  assert.equal(sessions.length, 2);

  const again = client.watch(coreV1.ConfigMap, {}, () => stop.abort(new Error('enough')), ctx);
  await assert.rejects(again, /enough/);
  await transport.close();
  server.close();
});

test('a server that is not there, or is not the right one, is an error with its cause', {
  timeout: 20_000,
}, async () => {
  const { server, url } = await serve();
  const other = await certificate();
  const ctx = hostCtx(new AbortController().signal, silentLogger);
  const wrong = createHttpsTransport({ server: url, ca: other.cert });
  const request = { method: 'GET', path: '/api', query: '', headers: {} };
  await assert.rejects(wrong.request(request, ctx), (error: Error) => /certificate/.test(String(error.cause)));
  await wrong.close();
  await new Promise((resolve) => server.close(resolve));
  const gone = createHttpsTransport({ server: url, ca: other.cert });
  await assert.rejects(gone.request(request, ctx), (error: Error) => /ECONNREFUSED/.test(String(error.cause)));
  await gone.close();
});

test('a kubeconfig names server, credentials and namespace', async () => {
  const text = `
apiVersion: v1
kind: Config
current-context: a
contexts:
- {name: a, context: {cluster: c, user: u, namespace: shop}}
- {name: b, context: {cluster: missing, user: u}}
clusters:
- {name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: ${btoa('CA')}}}
users:
- {name: u, user: {client-certificate-data: ${btoa('CERT')}, client-key-data: ${btoa('KEY')}, token: t}}
`;
  const { transport, namespace } = await parseKubeconfig(text, '/etc/none');
  assert.equal(namespace, 'shop');
  assert.equal(transport.server, 'https://127.0.0.1:6443');
  assert.equal(Buffer.from(transport.ca ?? '').toString(), 'CA');
  assert.equal(Buffer.from(transport.key ?? '').toString(), 'KEY');
  assert.equal(transport.token?.(), 't');
  await assert.rejects(parseKubeconfig(text, '/etc/none', 'b'), /no cluster named "missing"/);
  await assert.rejects(parseKubeconfig('{}', '/etc/none'), /no current-context/);
});
