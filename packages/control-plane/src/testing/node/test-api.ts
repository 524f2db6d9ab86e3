/** For this package's tests: a whole API server in memory, with its bootstrap objects. */
import { type AdmissionPlugin, type ApiServer, createInMemoryTransport, type UserInfo } from '@kapella/apiserver';
import { type Ctx, silentLogger } from '@kapella/base';
import { hostClock, hostCtx } from '@kapella/base/node';
import { type Client, createClient } from '@kapella/client';
import { createMemoryStore } from '@kapella/store';
import { type ApiParts, assembleApiServer } from '../../assemble.ts';
import { bootstrapCluster } from '../../bootstrap/bootstrap.ts';
import { clientFor, defaultAdmission, MASTER } from '../../control-plane.ts';

export interface TestApi {
  readonly server: ApiServer;
  readonly ctx: Ctx;
  /** As system:masters. */
  readonly client: Client;
  as(user: UserInfo): Client;
  request(user: UserInfo, method: string, path: string, body?: object, headers?: object): Promise<TestAnswer>;
  close(): void;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly text: string;
}

const tokens: ApiParts['tokens'] = {
  issuer: 'test',
  issuers: ['test'],
  algorithms: ['ES256'],
  expirationSecondsMax: undefined,
  defaultAudiences: ['test'],
  jwks: () => ({ keys: [] }),
  issue: async () => {
    throw new Error('no tokens here');
  },
  issueLegacy: async () => {
    throw new Error('no tokens here');
  },
  authenticator: () => ({ authenticateToken: async () => undefined }),
};

/** `admission`: besides the default plugins. */
export async function startTestApi(
  parts: Partial<ApiParts> = {},
  admission: readonly AdmissionPlugin[] = [],
): Promise<TestApi> {
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const nowhere = async () => {
    throw new Error('nothing is dialled here');
  };
  const server = await assembleApiServer(
    {
      ...{ store: createMemoryStore(), tokens, anonymous: true, authorizationModes: ['RBAC'] as const },
      ...{ admission: [...defaultAdmission(), ...admission], serviceCidrs: ['10.43.0.0/16'] },
      ...{ frontProxy: { certificate: '', privateKey: '' }, serverAddress: 'here', caller: nowhere },
      ...{ dialer: nowhere, descriptions: async () => undefined },
      ...parts,
    },
    ctx,
  );
  const client = clientFor(server, MASTER, 'test');
  await bootstrapCluster(
    client,
    {
      ...{ serviceAddress: '10.43.0.1', dnsAddress: '10.43.0.10', apiAddress: '192.0.2.1', apiPort: 6443 },
      ...{ clientCa: 'ca', requestHeaderCa: 'ca' },
    },
    ctx,
  );
  return {
    ...{ server, ctx, client },
    as: (user) => createClient(createInMemoryTransport(server, user), { userAgent: 'test' }),
    async request(user, method, path, body, headers = {}) {
      const [bare = '', query = ''] = path.split('?');
      const bytes = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
      const response = await server.handle(
        { method, path: bare, query, headers: headers as never, user, ...(bytes === undefined ? {} : { body: bytes }) },
        ctx,
      );
      const text = response.body instanceof Uint8Array ? new TextDecoder().decode(response.body) : '';
      return { status: response.status, headers: response.headers, text };
    },
    close() {
      stop.abort();
      server.close();
    },
  };
}

/** Asks again until the answer is neither undefined nor false. */
export async function eventually<T>(what: string, probe: () => T | undefined | false | Promise<T | undefined | false>) {
  const deadline = hostClock.monotonicMs() + 10_000;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (hostClock.monotonicMs() > deadline) throw new Error(`waited 10 s until ${what}`);
    await new Promise<void>((resolve) => void hostClock.setTimer(5, resolve));
  }
}
