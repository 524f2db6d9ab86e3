/** Port 10259: health for everyone, metrics for whom the API server lets read them. Source: kubernetes cmd/kube-scheduler. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { authenticationV1, authorizationV1 } from '@kapella/api';
import { type Ctx, describeError, type MetricsRegistry } from '@kapella/base';
import { CliError } from '@kapella/cli';
import type { Client } from '@kapella/client';
import { createAuthority, issueLeaf } from '@kapella/control-plane/node';
import type { SchedulerFlags } from '../flags.ts';

const HEALTH = new Set(['/healthz', '/livez', '/readyz']);

/** Port 0 serves nothing. Throws CliError when the port is taken. */
export async function startSchedulerHttps(
  flags: SchedulerFlags,
  { client, metrics }: { readonly client: Client; readonly metrics: MetricsRegistry },
  ctx: Ctx,
): Promise<{ close(): Promise<void> }> {
  const port = Number(flags.get('secure-port') ?? 10259);
  if (port === 0) return { close: async () => {} };
  const server = createServer(await servingPair(flags, ctx), (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const answer = (status: number, text: string) => {
      response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      response.end(text);
    };
    if (HEALTH.has(path)) answer(200, 'ok');
    else if (path !== '/metrics') answer(404, '404 page not found\n');
    else {
      mayRead(request, client, ctx)
        .then((status) =>
          answer(status, status === 200 ? metrics.text() : `${status === 401 ? 'Unauthorized' : 'Forbidden'}\n`),
        )
        .catch((error) => {
          ctx.log.warn('metrics not served', { error: describeError(error) });
          answer(500, 'Internal Server Error\n');
        });
    }
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

/** The bearer token's user must be allowed to get /metrics. */
async function mayRead({ headers }: IncomingMessage, client: Client, ctx: Ctx): Promise<200 | 401 | 403> {
  const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  if (token === undefined) return 401;
  const review = await client.create(authenticationV1.TokenReview, { metadata: {}, spec: { token } } as never, ctx);
  const { authenticated, user } = (review as { status?: { authenticated?: boolean; user?: User } }).status ?? {};
  if (authenticated !== true || user === undefined) return 401;
  const spec = {
    user: user.username,
    groups: user.groups,
    uid: user.uid,
    nonResourceAttributes: { path: '/metrics', verb: 'get' },
  };
  const access = await client.create(authorizationV1.SubjectAccessReview, { metadata: {}, spec } as never, ctx);
  return (access as { status?: { allowed?: boolean } }).status?.allowed === true ? 200 : 403;
}

interface User {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
}

async function servingPair(flags: SchedulerFlags, ctx: Ctx): Promise<{ readonly cert: string; readonly key: string }> {
  const [certFile, keyFile] = [flags.get('tls-cert-file'), flags.get('tls-private-key-file')];
  if (certFile !== undefined && keyFile !== undefined) {
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  }
  const nowMs = ctx.clock.nowMs();
  const ca = await createAuthority('kapella-self-signed-ca', nowMs);
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
  return issueLeaf(ca, { commonName: 'kube-scheduler', usage: 'server', ...names }, nowMs);
}
