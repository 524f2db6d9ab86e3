/** From the API server to kubelets, Pods and Services: plain requests for logs and proxies. Streams are in upgrade.ts. */
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { type RequestOptions, request as httpsRequest } from 'node:https';
import { ApiError, type Ctx } from '@kapella/base';
import type { ApiResponse, ByteSink } from '@kapella/client';
import type { ServerRequest } from '../auth/contract.ts';
import { tlsOptions } from './http-caller.ts';
import { type ProxyPlace, throughProxy } from './proxy-rewrite.ts';
import type { ConnectTarget } from '../resource.ts';
import type { ConnectDialer } from '../server/connect-handlers.ts';

const DIAL_MS_MAX = 30_000;

/** How this server identifies itself to kubelets. PEM. */
export interface KubeletCredentials {
  readonly certificate: string;
  readonly privateKey: string;
  /** CA of kubelets' serving certificates; without it they are not checked. */
  readonly ca?: string;
}

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
/** Credentials for this server are nobody else's business. */
const PRIVATE = new Set(['authorization', 'host', 'cookie']);

/** What of a request's headers goes on to the target. */
export function forwardedHeaders(
  headers: Readonly<Record<string, string>>,
  remoteAddress: string,
): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || HOP_BY_HOP.has(name) || PRIVATE.has(name) || name.startsWith('impersonate-')) continue;
    forwarded[name] = value;
  }
  if (remoteAddress !== '') forwarded['x-forwarded-for'] = remoteAddress;
  return forwarded;
}

export function createConnectDialer(kubelet: KubeletCredentials): ConnectDialer {
  return (target, request, ctx) => dial(target, request, kubelet, ctx);
}

function dial(
  target: ConnectTarget,
  request: ServerRequest,
  kubelet: KubeletCredentials,
  ctx: Ctx,
): Promise<ApiResponse> {
  const send = target.protocol === 'https' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const call = send(callOptions(target, request, kubelet));
    const timer = ctx.clock.setTimer(DIAL_MS_MAX, () =>
      call.destroy(new Error(`dial tcp ${target.host}:${target.port}: i/o timeout`)),
    );
    call.on('response', (response) => {
      timer.cancel();
      resolve(toResponse(response, placeOf(target, request)));
    });
    call.on('error', (cause) => {
      timer.cancel();
      reject(new ApiError('ServiceUnavailable', `error trying to reach service: ${cause.message}`, { cause }));
    });
    ctx.signal.addEventListener('abort', () => call.destroy(), { once: true });
    call.end(request.body);
  });
}

function callOptions(target: ConnectTarget, request: ServerRequest, kubelet: KubeletCredentials): RequestOptions {
  const headers = target.kubeletAuth ? {} : forwardedHeaders(request.headers, request.remoteAddress ?? '');
  const base: RequestOptions = {
    host: target.host,
    port: target.port,
    path: target.path,
    method: request.method,
    headers,
    agent: false,
  };
  if (target.protocol === 'http') return base;
  if (target.tls !== undefined) return { ...base, ...tlsOptions(target.tls) };
  if (!target.kubeletAuth) return { ...base, rejectUnauthorized: false };
  const identity = { cert: kubelet.certificate, key: kubelet.privateKey };
  // A node's address may change; that its certificate is of the cluster's CA is what counts.
  const trust =
    kubelet.ca === undefined ? { rejectUnauthorized: false } : { ca: kubelet.ca, checkServerIdentity: () => undefined };
  return { ...base, ...identity, ...trust };
}

function placeOf({ seenUnder, host, port }: ConnectTarget, { headers }: ServerRequest): ProxyPlace | undefined {
  if (seenUnder === undefined) return undefined;
  const clientHost = headers[':authority'] ?? headers['host'] ?? '';
  return { prefix: seenUnder, clientHost, backendHost: `${host}:${port}` };
}

async function toResponse(response: IncomingMessage, place: ProxyPlace | undefined): Promise<ApiResponse> {
  const answer = place === undefined ? undefined : await throughProxy(response.headers, response, place);
  const source = answer?.body ?? response;
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(answer?.headers ?? response.headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && name !== 'content-length') headers[name] = value;
  }
  return {
    status: response.statusCode ?? 502,
    headers,
    body: {
      start(sink: ByteSink, signal) {
        source.on('data', (chunk: Buffer | string) => {
          if (!sink.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)) source.pause();
        });
        sink.onDrain(() => source.resume());
        source.on('end', () => sink.close());
        source.on('error', (error) => sink.close(error));
        signal.addEventListener('abort', () => response.destroy(), { once: true });
      },
    },
  };
}
