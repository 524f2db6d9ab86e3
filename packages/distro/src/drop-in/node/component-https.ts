/** Health for everyone; metrics and configuration for whom the API server lets read them. Source: controller-manager/app/serve.go. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { SecureVersion } from 'node:tls';
import { authenticationV1, authorizationV1 } from '@kapella/api';
import { type Ctx, describeError, type MetricsRegistry } from '@kapella/base';
import { CliError } from '@kapella/cli';
import type { Client } from '@kapella/client';
import { createAuthority, issueLeaf } from '@kapella/control-plane/node';
import type { FlagValues } from '../flags.ts';

const HEALTH = new Set(['/healthz', '/livez', '/readyz']);
const TLS_VERSIONS: ReadonlyMap<string, SecureVersion> = new Map<string, SecureVersion>([
  ['VersionTLS10', 'TLSv1'],
  ['VersionTLS11', 'TLSv1.1'],
  ['VersionTLS12', 'TLSv1.2'],
  ['VersionTLS13', 'TLSv1.3'],
]);

export interface ComponentServer {
  /** `kube-scheduler`: the name on a certificate of its own making. */
  readonly program: string;
  readonly defaultPort: number;
  readonly client: Client;
  readonly metrics: MetricsRegistry;
  /** What /configz answers; absent: nothing is there. */
  readonly configz?: object;
  /** Why the component is ill; undefined while it is well. */
  readonly ill?: () => string | undefined;
}

/** Port 0 serves nothing. Throws CliError when the port is taken. */
export async function startComponentHttps(
  flags: FlagValues,
  component: ComponentServer,
  ctx: Ctx,
): Promise<{ close(): Promise<void> }> {
  const { client } = component;
  const port = Number(flags.get('secure-port') ?? component.defaultPort);
  if (port === 0) return { close: async () => {} };
  const isOpen = openPaths(flags);
  const tls = { ...(await servingPair(flags, component.program, ctx)), ...minVersionOf(flags) };
  const server = createServer(tls, (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type });
      response.end(text);
    };
    if (HEALTH.has(path)) {
      const problem = component.ill?.();
      answer(problem === undefined ? 200 : 500, problem ?? 'ok');
      return;
    }
    const page = pageOf(component, path);
    if (page === undefined) return answer(404, '404 page not found\n');
    if (isOpen(path)) return answer(200, page.text(), page.type);
    mayRead(request, path, client, ctx)
      .then((status) => {
        if (status === 200) answer(200, page.text(), page.type);
        else answer(status, `${status === 401 ? 'Unauthorized' : 'Forbidden'}\n`);
      })
      .catch((error) => {
        ctx.log.warn('page not served', { path, error: describeError(error) });
        answer(500, 'Internal Server Error\n');
      });
  });
  const host = flags.get('bind-address') ?? '0.0.0.0';
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(new CliError('Usage', `--secure-port ${port}: ${error.message}`, 'Choose a free port, or 0.', error));
    });
    server.listen(port, host, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function pageOf({ metrics, configz }: ComponentServer, path: string) {
  if (path === '/metrics') return { text: () => metrics.text(), type: 'text/plain; version=0.0.4; charset=utf-8' };
  if (path === '/configz' && configz !== undefined) {
    return { text: () => JSON.stringify(configz), type: 'application/json' };
  }
  return undefined;
}

/** Which pages everyone may read; a `*` at the end stands for all that follows. */
function openPaths(flags: FlagValues): (path: string) => boolean {
  const open = (flags.get('authorization-always-allow-paths') ?? '').split(',').filter((path) => path !== '');
  return (path) => open.some((one) => (one.endsWith('*') ? path.startsWith(one.slice(0, -1)) : path === one));
}

function minVersionOf(flags: FlagValues): { readonly minVersion?: SecureVersion } {
  const text = flags.get('tls-min-version') ?? '';
  if (text === '') return {};
  const minVersion = TLS_VERSIONS.get(text);
  if (minVersion !== undefined) return { minVersion };
  const known = [...TLS_VERSIONS.keys()].join(', ');
  throw new CliError(
    'Usage',
    `--tls-min-version: unknown tls version ${JSON.stringify(text)}`,
    `Give one of ${known}.`,
  );
}

/** The bearer token's user must be allowed to get the path. */
async function mayRead({ headers }: IncomingMessage, path: string, client: Client, ctx: Ctx): Promise<200 | 401 | 403> {
  const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  if (token === undefined) return 401;
  const review = await client.create(authenticationV1.TokenReview, { metadata: {}, spec: { token } } as never, ctx);
  const { authenticated, user } = (review as { status?: { authenticated?: boolean; user?: User } }).status ?? {};
  if (authenticated !== true || user === undefined) return 401;
  const spec = {
    user: user.username,
    groups: user.groups,
    uid: user.uid,
    nonResourceAttributes: { path, verb: 'get' },
  };
  const access = await client.create(authorizationV1.SubjectAccessReview, { metadata: {}, spec } as never, ctx);
  return (access as { status?: { allowed?: boolean } }).status?.allowed === true ? 200 : 403;
}

interface User {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
}

async function servingPair(
  flags: FlagValues,
  program: string,
  ctx: Ctx,
): Promise<{ readonly cert: string; readonly key: string }> {
  const [certFile, keyFile] = [flags.get('tls-cert-file'), flags.get('tls-private-key-file')];
  if (certFile !== undefined && keyFile !== undefined) {
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  }
  const nowMs = ctx.clock.nowMs();
  const ca = await createAuthority('kapella-self-signed-ca', nowMs);
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
  return issueLeaf(ca, { commonName: program, usage: 'server', ...names }, nowMs);
}
