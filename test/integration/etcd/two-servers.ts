/** API servers over one etcd, in this process: everything of the real ones but sockets. */
import { generateKeyPairSync } from 'node:crypto';
import type { ApiServer } from '@kapella/apiserver';
import { createConnectDialer, createHttpCaller, createTokenIssuer } from '@kapella/apiserver/node';
import { type Ctx, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import type { Client, ResponseStream } from '@kapella/client';
import { assembleApiServer, clientFor, defaultAdmission, MASTER } from '@kapella/control-plane';
import type { Store } from '@kapella/store';
import { storeBackends } from '@kapella/store/node';

export interface TestServer extends AsyncDisposable {
  readonly server: ApiServer;
  readonly store: Store;
  readonly client: Client;
  readonly ctx: Ctx;
  /** As the master user. */
  request(method: string, path: string, body?: unknown): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  readonly json: any;
}

export interface TestServerOptions {
  readonly serviceCidr?: string;
  readonly storeFor?: (store: Store) => (group: string, plural: string) => Store;
}

export async function startTestServer(endpoint: string, options: TestServerOptions = {}): Promise<TestServer> {
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const etcd = storeBackends.find(({ name }) => name === 'etcd')!;
  const store = await etcd.open({ directory: '', etcd: { endpoints: [endpoint] } }, ctx);
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const server = await assembleApiServer(
    {
      store,
      ...(options.storeFor === undefined ? {} : { storeFor: options.storeFor(store) }),
      tokens: await createTokenIssuer({ issuer: 'https://test', privateKey: key.toString() }),
      anonymous: false,
      authorizationModes: ['RBAC'],
      admission: defaultAdmission().filter(({ name }) => name !== 'ServiceAccount'),
      serviceCidrs: [options.serviceCidr ?? '10.96.0.0/24'],
      frontProxy: { certificate: '', privateKey: '' },
      serverAddress: '127.0.0.1:6443',
      caller: createHttpCaller(),
      dialer: createConnectDialer({ certificate: '', privateKey: '' }),
      descriptions: async () => undefined,
    },
    ctx,
  );
  return {
    server,
    store,
    ctx,
    client: clientFor(server, MASTER, 'test'),
    async request(method, path, body) {
      const [bare = '', query = ''] = path.split('?');
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const bytes = body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) };
      const answer = await server.handle({ method, path: bare, query, headers, user: MASTER, ...bytes }, ctx);
      const text = new TextDecoder().decode(answer.body instanceof Uint8Array ? answer.body : await whole(answer.body));
      return { status: answer.status, json: JSON.parse(text) };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      server.close();
      await store.close();
    },
  };
}

/** Large answers come in parts. */
function whole(body: ResponseStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  return new Promise((resolve) => {
    const sink = {
      write: (chunk: Uint8Array) => parts.push(chunk) > 0,
      close: () => resolve(Buffer.concat(parts)),
      onDrain: () => {},
    };
    body.start(sink, new AbortController().signal);
  });
}
