/** What Kapella's rules say of an object: a server in memory without admission, asked by dry runs. */
import {
  alwaysAllow,
  type ApiServer,
  createApiServer,
  createAuthenticator,
  createMetricsRegistry,
  type UserInfo,
} from '@kapella/apiserver';
import { builtInKinds, type KindRef } from '@kapella/api';
import { type Ctx, silentLogger } from '@kapella/base';
import { hostCtx, hostRandom } from '@kapella/base/node';
import { createServiceAllocator, resources } from '@kapella/resources';
import { createMemoryStore } from '@kapella/store';
import type { Seed } from './seeds.ts';
import type { Verdict } from './upstream-rules.ts';

const MASTER: UserInfo = { username: 'judge', groups: ['system:masters'] };
export const NAMESPACE = 'ns';

export interface OurRules {
  create(object: Seed): Promise<Verdict>;
  update(object: Seed): Promise<Verdict>;
  /** Really: what it has become. Throws when it is refused. */
  store(object: Seed): Promise<Seed>;
  close(): void;
}

export async function startOurRules(): Promise<OurRules> {
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const serviceAllocator = createServiceAllocator({ cidrs: ['10.43.0.0/16'], random: hostRandom });
  const server = createApiServer(
    {
      ...{ store: createMemoryStore(), resources, admission: [], metrics: createMetricsRegistry() },
      ...{ authenticator: createAuthenticator({ tokens: [] }), authorizer: alwaysAllow },
      services: new Map<string, unknown>([
        ['serviceAllocator', serviceAllocator],
        ['authorizer', { authorize: async () => ({ decision: 'allow', reason: '' }) }],
      ]),
    },
    ctx,
  );
  await server.ready(ctx);
  serviceAllocator.load(server.access);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  await send(server, 'POST', namespace, '', ctx);
  return {
    create: async (object) => verdictOf(await send(server, 'POST', object, 'dryRun=All', ctx)),
    update: async (object) => verdictOf(await send(server, 'PUT', object, 'dryRun=All', ctx)),
    async store(object) {
      const { status, body } = await send(server, 'POST', object, '', ctx);
      if (status >= 300) throw new Error(`${object.kind} ${object.metadata.name} is refused: ${JSON.stringify(body)}`);
      return body as Seed;
    },
    close() {
      stop.abort();
      server.close();
    },
  };
}

function kindOf({ apiVersion, kind }: Seed): KindRef<unknown> {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const found = builtInKinds.find((ref) => ref.group === group && ref.version === version && ref.kind === kind);
  if (found === undefined) throw new Error(`no kind ${apiVersion} ${kind}`);
  return found;
}

async function send(server: ApiServer, method: 'POST' | 'PUT', object: Seed, query: string, ctx: Ctx) {
  const { group, version, plural, namespaced } = kindOf(object);
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const collection = `${root}${namespaced ? `/namespaces/${NAMESPACE}` : ''}/${plural}`;
  const path = method === 'PUT' ? `${collection}/${object.metadata.name}` : collection;
  const headers = { 'content-type': 'application/json' };
  const body = new TextEncoder().encode(JSON.stringify(object));
  const response = await server.handle({ method, path, query, headers, body, user: MASTER }, ctx);
  return { status: response.status, body: JSON.parse(new TextDecoder().decode(response.body as Uint8Array)) as object };
}

interface StatusBody {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly causes?: readonly { readonly reason?: string; readonly field?: string; readonly message?: string }[];
  };
}

function verdictOf({ status, body }: { readonly status: number; readonly body: StatusBody }): Verdict {
  if (status < 300) return { reason: '', causes: [] };
  const causes = (body.details?.causes ?? []).map(
    ({ reason = '', field = '', message = '' }) => `${field}: ${reason}: ${message}`,
  );
  return { reason: body.reason ?? '', message: body.message ?? '', causes: causes.toSorted() };
}
