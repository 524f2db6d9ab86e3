/** The node agent's HTTPS server. Certificates say who calls, or tokens; the API server says what they may. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { ApiError, type Ctx, describeError } from '@kapella/base';
import type { NodeServerSource, StreamOptions } from '../../server-source.ts';
import { createPortForwardTunnel, relaySpdy } from '../../streaming/node/relay.ts';
import { createRemoteCommandServer } from '../../streaming/node/remote-command.ts';
import type { NodeAccess, NodeUser } from '../access.ts';
import { isTrue, parseLogQuery } from '../log-format.ts';
import { cpuAndMemoryOnly, type NodeReports } from '../reports.ts';
import { isLongRunning, type KubeletRoute, metricPathOf, parseRoute } from '../routes.ts';
import { sendLog } from './log-reader.ts';
import { sendHostLog } from './host-logs.ts';

const TEXT = 'text/plain; charset=utf-8';
const METRICS = 'text/plain; version=0.0.4; charset=utf-8';

export interface ServingPair {
  readonly cert: string;
  readonly key: string;
}

export interface KubeletServerOptions extends ServingPair {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  /** CA that signs client certificates. */
  readonly clientCa: string;
  readonly source: NodeServerSource;
  readonly access: NodeAccess;
  readonly reports: NodeReports;
}

export interface KubeletServer {
  readonly port: number;
  /** New connections are shown this certificate. */
  use(pair: ServingPair): void;
  close(): Promise<void>;
}

export async function startKubeletServer(options: KubeletServerOptions, ctx: Ctx): Promise<KubeletServer> {
  const { cert, key, clientCa: ca } = options;
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' });
  const handler = new Handler(options, ctx);
  server.on('request', (request, response) => handler.request(request, response));
  server.on('upgrade', (request, socket, head) => handler.upgrade(request, socket, head));
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    use: (pair) => server.setSecureContext({ ...pair, ca, minVersion: 'TLSv1.2' }),
    close: () => closeServer(server),
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

interface Call {
  readonly route: KubeletRoute;
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

class Handler {
  readonly #source: NodeServerSource;
  readonly #access: NodeAccess;
  readonly #reports: NodeReports;
  readonly #ctx: Ctx;
  readonly #commands = createRemoteCommandServer();
  readonly #tunnel = createPortForwardTunnel();

  constructor({ source, access, reports }: KubeletServerOptions, ctx: Ctx) {
    this.#source = source;
    this.#access = access;
    this.#reports = reports;
    this.#ctx = ctx;
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'https://node');
    const route = parseRoute(url.pathname);
    this.#meter(request, route, response);
    this.#serve({ request, response, url, route }).catch((error) => {
      const status = toStatus(error);
      if (response.headersSent) response.destroy();
      else response.writeHead(status.code, { 'content-type': TEXT }).end(status.message);
    });
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    this.#upgrade(request, socket, head).catch((error) => {
      const { code, message } = toStatus(error);
      this.#ctx.log.warn('stream refused', { path: request.url?.split('?')[0], error: describeError(error) });
      socket.end(
        `HTTP/1.1 ${code} Error\r\nContent-Type: text/plain\r\n` +
          `Content-Length: ${Buffer.byteLength(message)}\r\nConnection: close\r\n\r\n${message}`,
      );
    });
  }

  #meter({ method = '' }: IncomingMessage, route: KubeletRoute, end: NodeJS.EventEmitter): void {
    const startMs = this.#ctx.clock.monotonicMs();
    const known = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'].includes(method) ? method : 'other';
    const metered = this.#reports.onRequest(known, metricPathOf(route), isLongRunning(route));
    end.once('close', () => metered.ended((this.#ctx.clock.monotonicMs() - startMs) / 1000));
  }

  async #authorize(request: IncomingMessage, path: string): Promise<void> {
    const certificate = userOfCertificate(request.socket as TLSSocket);
    const { method = 'GET', headers } = request;
    await this.#access.check({ method, path, certificate, authorization: headers.authorization }, this.#ctx);
  }

  async #serve(call: Call): Promise<void> {
    const { route, url, request, response } = call;
    await this.#authorize(request, url.pathname);
    switch (route.kind) {
      case 'containerLogs':
        return await this.#logs(route, url.searchParams, response);
      case 'run':
        return await this.#run(route, url.searchParams, response);
      case 'checkpoint':
        return await this.#checkpoint(route, call);
      case 'logs':
        return await sendHostLog(route.path, response);
      case 'unknown':
      case 'exec':
      case 'attach':
      case 'portForward':
        throw new ApiError('NotFound', '404 page not found');
      default:
        return await this.#report(route, url.searchParams, response);
    }
  }

  async #report(
    route: Extract<
      KubeletRoute,
      { kind: 'pods' | 'runningpods' | 'healthz' | 'configz' | 'statsSummary' | 'slis' | 'metrics' }
    >,
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    const reports = this.#reports;
    const ctx = this.#ctx;
    if (route.kind === 'pods') return sendPods(response, this.#source.pods());
    if (route.kind === 'runningpods') return sendPods(response, await reports.runningPods(ctx));
    if (route.kind === 'configz') return send(response, 'application/json', reports.configz());
    if (route.kind === 'slis') return send(response, METRICS, '');
    if (route.kind === 'metrics') return send(response, METRICS, await reports.metrics(route.page, ctx));
    if (route.kind === 'statsSummary') {
      const summary = await reports.summary(ctx);
      const shown = isTrue(query.get('only_cpu_and_memory')) ? cpuAndMemoryOnly(summary) : summary;
      return send(response, 'application/json', JSON.stringify(shown));
    }
    const problem = reports.syncLoopProblem();
    if (problem === undefined) return send(response, TEXT, 'ok');
    throw new ApiError(
      'InternalError',
      `[+]ping ok\n[+]log ok\n[-]syncloop failed: ${problem}\nhealthz check failed\n`,
    );
  }

  async #run(
    { namespace, pod, container }: { namespace: string; pod: string; container: string },
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    const cmd = (query.get('cmd') ?? '').split(' ').filter((word) => word !== '');
    const output = await this.#source.runInContainer(namespace, pod, container, cmd, this.#ctx);
    send(response, 'text/plain', Buffer.from(output));
  }

  async #checkpoint(
    { namespace, pod, container }: { namespace: string; pod: string; container: string },
    { request, response, url }: Call,
  ): Promise<void> {
    if (request.method !== 'POST') throw new ApiError('MethodNotAllowed', '405: Method Not Allowed');
    const timeout = Number(url.searchParams.get('timeout') ?? 0);
    if (!Number.isInteger(timeout) || timeout < 0) throw new ApiError('BadRequest', 'cannot parse the timeout');
    const path = await this.#reports.checkpoint(namespace, pod, container, timeout, this.#ctx);
    send(response, 'application/json', JSON.stringify({ items: [path] }));
  }

  async #logs(
    route: { namespace: string; pod: string; container: string },
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    const options = parseLogQuery(query, this.#ctx.clock.nowMs());
    if (typeof options === 'string') throw new ApiError('BadRequest', options);
    const { namespace, pod, container } = route;
    const previous = isTrue(query.get('previous'));
    const log = await this.#source.containerLog(namespace, pod, container, previous, this.#ctx);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    const isRunning = async () => {
      const now = await this.#source
        .containerLog(namespace, pod, container, previous, this.#ctx)
        .catch(() => undefined);
      return now?.running === true && now.containerId === log.containerId;
    };
    await sendLog(log.path, options, response, { isRunning }, AbortSignal.any([gone.signal, this.#ctx.signal]));
    response.end();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://node');
    const route = parseRoute(url.pathname);
    this.#meter(request, route, socket);
    await this.#authorize(request, url.pathname);
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
    if (isWebSocket) this.#reports.onWebSocket(route.kind.toLowerCase());
    if (route.kind === 'portForward') {
      const target = await this.#source.portForwardUrl(route.namespace, route.pod, [], this.#ctx);
      if (isWebSocket) this.#tunnel.handle(request, socket, head, target);
      else await relaySpdy(request, socket, head, target);
      return;
    }
    if (route.kind !== 'exec' && route.kind !== 'attach') throw new ApiError('NotFound', '404 page not found');
    const options = streamOptions(url.searchParams);
    const { namespace, pod, container } = route;
    const target =
      route.kind === 'exec'
        ? await this.#source.execUrl(namespace, pod, container, url.searchParams.getAll('command'), options, this.#ctx)
        : await this.#source.attachUrl(namespace, pod, container, options, this.#ctx);
    if (isWebSocket) this.#commands.handle(request, socket, head, target, options);
    else await relaySpdy(request, socket, head, target);
  }
}

function userOfCertificate(socket: TLSSocket): NodeUser | undefined {
  if (!socket.authorized) return undefined;
  const subject = socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] };
  const groups = Array.isArray(subject.O) ? subject.O : subject.O === undefined ? [] : [subject.O];
  return { name: subject.CN ?? '', groups: [...groups, 'system:authenticated'] };
}

/** kubelets are asked with input/output/error, kubectl speaks of stdin/stdout/stderr: either is taken. */
function streamOptions(query: URLSearchParams): StreamOptions {
  const either = (a: string, b: string) => isTrue(query.get(a)) || isTrue(query.get(b));
  const tty = isTrue(query.get('tty'));
  return {
    stdin: either('input', 'stdin'),
    stdout: either('output', 'stdout'),
    stderr: either('error', 'stderr') && !tty,
    tty,
  };
}

const sendPods = (response: ServerResponse, items: readonly object[]) =>
  send(response, 'application/json', JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items }));

function send(response: ServerResponse, contentType: string, body: string | Buffer): void {
  response.writeHead(200, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }).end(body);
}

function toStatus(error: unknown): { code: number; message: string } {
  if (error instanceof ApiError) return { code: error.code, message: error.message };
  return { code: 500, message: describeError(error) };
}
