/** One port for HTTP/2, HTTP/1.1 and upgrades, with client certificates checked against the cluster's CA. */
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Ctx } from '@kapella/base';
import type { ApiServer } from '../server/server.ts';
import type { KubeletCredentials } from './dialer.ts';
import type { Exchange } from './exchange.ts';
import { serveHttp1 } from './http1-driver.ts';
import { serveStream } from './http2-driver.ts';
import { createPeers } from './peer.ts';
import { serveUpgrade } from './upgrade.ts';

export interface HttpsServerOptions {
  readonly server: ApiServer;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM of the CA that signs client certificates. */
  readonly clientCa: string;
  /** For upgrades that are served by kubelets. */
  readonly kubelet: KubeletCredentials;
}

export interface RunningHttpsServer {
  readonly port: number;
  /** Ends watches, lets requests under way finish, then closes. Idempotent. */
  close(): Promise<void>;
}

const DRAIN_MS_MAX = 5_000;
const HEADERS_MS_MAX = 32_000;
const STREAMS_MAX = 1_000;
const WINDOW_BYTES = 1 << 20;

/** Rejects when the port cannot be had. */
export async function startHttpsServer(options: HttpsServerOptions, ctx: Ctx): Promise<RunningHttpsServer> {
  const http = createSecureServer({
    cert: options.certificate,
    key: options.privateKey,
    ca: options.clientCa,
    requestCert: true,
    rejectUnauthorized: false,
    allowHTTP1: true,
    settings: { maxConcurrentStreams: STREAMS_MAX, initialWindowSize: WINDOW_BYTES },
  });
  // Without this, a 'request' listener would also build compatibility objects for every HTTP/2 stream.
  http.removeAllListeners('newListener');
  const sockets = new Set<TLSSocket>();
  const sessions = new Set<ServerHttp2Session>();
  const draining = new AbortController();
  const exchange: Exchange = { server: options.server, ctx, draining: draining.signal };
  wire(http, options, exchange, sockets, sessions);
  await listen(http, options);
  let closing: Promise<void> | undefined;
  const close = () => {
    draining.abort();
    closing ??= shutDown(http, sockets, sessions, ctx);
    return closing;
  };
  ctx.signal.addEventListener('abort', () => void close(), { once: true });
  return { port: (http.address() as AddressInfo).port, close };
}

function wire(
  http: Http2SecureServer, options: HttpsServerOptions, exchange: Exchange, sockets: Set<TLSSocket>,
  sessions: Set<ServerHttp2Session>,
): void {
  const { ctx } = exchange;
  const peers = createPeers();
  http.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  http.on('session', (session) => {
    sessions.add(session);
    session.on('error', (error) => ctx.log.debug('http2 session failed', { error: error.message }));
    session.on('close', () => sessions.delete(session));
  });
  http.on('stream', (stream, headers) => serveStream(stream, headers, peers, exchange));
  http.on('request', (request, response) => {
    void serveHttp1(request as unknown as IncomingMessage, response as unknown as ServerResponse, peers, exchange);
  });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void serveUpgrade(request, socket, head, peers, options.kubelet, exchange);
  });
  http.on('tlsClientError', () => {});
  http.on('sessionError', () => {});
  (http as unknown as { headersTimeout: number }).headersTimeout = HEADERS_MS_MAX;
}

function listen(http: Http2SecureServer, { host, port }: HttpsServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, () => {
      http.removeListener('error', reject);
      resolve();
    });
  });
}

async function shutDown(
  http: Http2SecureServer, sockets: Set<TLSSocket>, sessions: Set<ServerHttp2Session>, ctx: Ctx,
): Promise<void> {
  const closed = new Promise<void>((resolve) => http.close(() => resolve()));
  for (const session of sessions) session.close();
  const timer = ctx.clock.setTimer(DRAIN_MS_MAX, () => {
    for (const session of sessions) session.destroy();
    for (const socket of sockets) socket.destroy();
  });
  // Idle HTTP/1 connections would keep the server open for their whole keep-alive time.
  (http as unknown as { closeIdleConnections?: () => void }).closeIdleConnections?.();
  for (const socket of sockets) if (socket.alpnProtocol !== 'h2') socket.end();
  await closed;
  timer.cancel();
}
