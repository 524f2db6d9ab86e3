/** Sends requests to where a connect subresource is served (kubelets, Pods, Services) and streams the answers back. */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent, request as requestHttps } from 'node:https';
import { ApiError, type Ctx, errors } from '@kapella/base';
import type { ApiResponse, ByteSink } from '@kapella/client';
import type { ServerRequest } from '../auth/contract.ts';
import type { ConnectTarget } from '../resource.ts';
import type { ConnectDialer } from '../server/connect-handlers.ts';

export interface KubeletCredentials {
  /** PEM: the API server's client certificate towards kubelets. */
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM of the CA that signs kubelets' serving certificates; absent: they are not checked, as upstream's default. */
  readonly ca?: string;
}

const CONNECT_MS_MAX = 30_000;
const HOP_HEADERS: ReadonlySet<string> = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'host', 'http2-settings',
]);
const CREDENTIAL_HEADERS = /^(authorization|impersonate-.*|x-remote-.*)$/;

export function createConnectDialer(kubelet: KubeletCredentials): ConnectDialer {
  const agent = new Agent({
    keepAlive: true,
    cert: kubelet.certificate,
    key: kubelet.privateKey,
    ...(kubelet.ca === undefined ? { rejectUnauthorized: false } : { ca: kubelet.ca, checkServerIdentity: () => undefined }),
  });
  return (target, request, ctx) => dial(target, request, agent, ctx);
}

/** Headers as they are passed on: without those of this hop and without the client's credentials. */
export function forwardedHeaders(headers: Readonly<Record<string, string>>, remoteAddress: string | undefined): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.startsWith(':') || HOP_HEADERS.has(name) || CREDENTIAL_HEADERS.test(name)) continue;
    out[name] = value;
  }
  if (remoteAddress !== undefined && remoteAddress !== '') {
    out['x-forwarded-for'] = headers['x-forwarded-for'] === undefined ? remoteAddress : `${headers['x-forwarded-for']}, ${remoteAddress}`;
  }
  return out;
}

function dial(target: ConnectTarget, request: ServerRequest, agent: Agent, ctx: Ctx): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const options = {
      host: target.host,
      port: target.port,
      path: target.path,
      method: request.method,
      headers: { ...forwardedHeaders(request.headers, request.remoteAddress), host: `${target.host}:${target.port}` },
      signal: ctx.signal as unknown as globalThis.AbortSignal,
    };
    const outgoing: ClientRequest =
      target.protocol === 'https'
        ? requestHttps({ ...options, ...(target.kubeletAuth ? { agent } : { rejectUnauthorized: false }) })
        : requestHttp(options);
    outgoing.setTimeout(CONNECT_MS_MAX, () => {
      if (outgoing.socket?.connecting !== false) outgoing.destroy(new Error(`dial ${target.host}:${target.port}: time-out`));
    });
    outgoing.once('error', (cause) => reject(unreachable(target, cause)));
    outgoing.once('response', (response) => resolve(answerOf(response, outgoing)));
    outgoing.end(request.body);
  });
}

function answerOf(response: IncomingMessage, outgoing: ClientRequest): ApiResponse {
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined && !HOP_HEADERS.has(name)) headers[name] = value;
  }
  return {
    status: response.statusCode ?? 502,
    headers,
    body: {
      start(sink: ByteSink, signal) {
        signal.addEventListener('abort', () => outgoing.destroy(), { once: true });
        sink.onDrain(() => response.resume());
        response.on('data', (chunk: Buffer) => {
          if (!sink.write(chunk)) response.pause();
        });
        response.once('end', () => sink.close());
        response.once('error', (error) => sink.close(error));
      },
    },
  };
}

function unreachable(target: ConnectTarget, cause: Error): ApiError {
  if (target.kubeletAuth) {
    const where = `${target.protocol}://${target.host}:${target.port}${target.path}`;
    return errors.internal(`Get ${JSON.stringify(where)}: dial tcp ${target.host}:${target.port}: ${cause.message}`, cause);
  }
  return new ApiError('ServiceUnavailable', `error trying to reach service: ${cause.message}`, { cause });
}
