/** The node agent's HTTPS server: logs, exec, attach, port-forward, pods. Only the API server's certificate gets in. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { ApiError, type Ctx, describeError } from '@kapella/base';
import type { NodeServerSource, StreamOptions } from '../../server-source.ts';
import { createPortForwardTunnel, relaySpdy } from '../../streaming/node/relay.ts';
import { createRemoteCommandServer } from '../../streaming/node/remote-command.ts';
import { isTrue, parseLogQuery } from '../log-format.ts';
import { type KubeletRoute, parseRoute, subresourceOf } from '../routes.ts';
import { sendLog } from './log-reader.ts';

export interface KubeletServerOptions {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  /** CA that signs client certificates. */
  readonly clientCa: string;
  readonly source: NodeServerSource;
}

export interface KubeletServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Who may in: cluster admins and the API server's own client certificate. */
const ADMIN_GROUP = 'system:masters';

export async function startKubeletServer(options: KubeletServerOptions, ctx: Ctx): Promise<KubeletServer> {
  const { cert, key, clientCa: ca } = options;
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' });
  const handler = new Handler(options.source, ctx);
  server.on('request', (request, response) => handler.request(request, response));
  server.on('upgrade', (request, socket, head) => handler.upgrade(request, socket, head));
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

class Handler {
  readonly #source: NodeServerSource;
  readonly #ctx: Ctx;
  readonly #commands = createRemoteCommandServer();
  readonly #tunnel = createPortForwardTunnel();

  constructor(source: NodeServerSource, ctx: Ctx) {
    this.#source = source;
    this.#ctx = ctx;
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    this.#serve(request, response).catch((error) => {
      const status = toStatus(error);
      if (response.headersSent) response.destroy();
      else response.writeHead(status.code, { 'content-type': 'text/plain; charset=utf-8' }).end(status.message);
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

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://node');
    const route = parseRoute(url.pathname);
    authorize(request, route);
    if (route.kind === 'containerLogs') return this.#logs(route, url.searchParams, response);
    if (route.kind === 'pods') {
      const items = this.#source.pods();
      return send(
        response,
        'application/json',
        JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items }),
      );
    }
    if (route.kind === 'healthz') return send(response, 'text/plain', 'ok');
    if (route.kind === 'run') {
      const cmd = (url.searchParams.get('cmd') ?? '').split(' ').filter((word) => word !== '');
      const output = await this.#source.runInContainer(route.namespace, route.pod, route.container, cmd, this.#ctx);
      return send(response, 'text/plain', Buffer.from(output));
    }
    throw new ApiError('NotFound', '404 page not found');
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
    authorize(request, route);
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
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

/** Throws Unauthorized or Forbidden. */
function authorize(request: IncomingMessage, route: KubeletRoute): void {
  if (route.kind === 'healthz') return;
  const socket = request.socket as TLSSocket;
  if (!socket.authorized) throw new ApiError('Unauthorized', 'Unauthorized');
  const subject = socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] };
  const groups = Array.isArray(subject.O) ? subject.O : [subject.O ?? ''];
  if (groups.includes(ADMIN_GROUP)) return;
  const user = subject.CN ?? '';
  throw new ApiError(
    'Forbidden',
    `Forbidden (user=${user}, verb=get, resource=nodes, subresource=${subresourceOf(route)})`,
  );
}

function send(response: ServerResponse, contentType: string, body: string | Buffer): void {
  response.writeHead(200, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }).end(body);
}

function toStatus(error: unknown): { code: number; message: string } {
  if (error instanceof ApiError) return { code: error.code, message: error.message };
  return { code: 500, message: describeError(error) };
}
