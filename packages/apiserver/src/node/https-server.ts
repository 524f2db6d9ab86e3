/** The API server's port: HTTP/2 and HTTP/1.1 over TLS, client certificates, upgrades. Source: apiserver/pkg/server/secure_serving.go. */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Ctx } from '@kapella/base';
import type { ApiServer } from '../server/server.ts';
import type { KubeletCredentials } from './dialer.ts';
import type { Exchange } from './exchange.ts';
import { serveHttp1 } from './http1-driver.ts';
import { Gathering, serveStream } from './http2-driver.ts';
import { createPeers } from './peer.ts';
import { serveUpgrade } from './upgrade.ts';

/** Requests under way may last so long: upstream's ShutdownTimeout. */
const SHUTDOWN_MS_MAX = 60_000;
/** What is still connected after the last answer has so long to read it. */
const FLUSH_MS_MAX = 1_000;
const POLL_MS = 10;
const STREAMS_MAX = 1_000;
const BACKLOG = 1_024;
/** As Go's servers: tokens of providers that list many groups are long. */
const HEADER_BYTES_MAX = 1024 * 1024;

export interface HttpsServerOptions {
  readonly server: ApiServer;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM of the CAs that certificates of users may come from. */
  readonly clientCa: string;
  /** PEM of the CAs of authenticating proxies. */
  readonly frontProxyCa?: string | undefined;
  /** How this server identifies itself to kubelets. */
  readonly kubelet: KubeletCredentials;
  /** Of one HTTP/2 connection; default 1,000. */
  readonly streamsMax?: number;
  /** 0 to 0.02: with which chance a request ends its HTTP/2 connection, so that load balancers spread clients again. */
  readonly goawayChance?: number;
}

export interface RunningHttpsServer {
  readonly port: number;
  /** Ends watches, takes no more requests, lets those under way end (at most for a minute), then closes. */
  close(): Promise<void>;
}

/** Rejects with the error of `listen` (EADDRINUSE, EACCES). */
export async function startHttpsServer(options: HttpsServerOptions, ctx: Ctx): Promise<RunningHttpsServer> {
  const clientCas = [options.clientCa, options.frontProxyCa ?? ''].filter((pem) => pem.trim() !== '');
  const server = createSecureServer({
    cert: options.certificate,
    key: options.privateKey,
    ca: clientCas,
    allowHTTP1: true,
    // Without a CA of ours, those of the whole world would do.
    requestCert: clientCas.length > 0,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ...{ maxHeaderSize: HEADER_BYTES_MAX }, // for HTTP/1.1, which the types forget
    settings: { maxConcurrentStreams: options.streamsMax ?? STREAMS_MAX, maxHeaderListSize: HEADER_BYTES_MAX },
  });
  const draining = new AbortController();
  const exchange: Exchange = {
    ...{ server: options.server, ctx, draining: draining.signal, open: { count: 0 } },
    goawayChance: options.goawayChance ?? 0,
  };
  const connections = serve(server, options, exchange);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, BACKLOG, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      draining.abort();
      return shutDown(server, connections, exchange);
    },
  };
}

interface Connections {
  readonly sessions: Set<ServerHttp2Session>;
  readonly sockets: Set<TLSSocket>;
}

function serve(server: Http2SecureServer, options: HttpsServerOptions, exchange: Exchange): Connections {
  const { kubelet, clientCa, frontProxyCa = '' } = options;
  const peers = createPeers({ users: clientCa, proxies: frontProxyCa });
  const connections: Connections = { sessions: new Set(), sockets: new Set() };
  server.on('request', (request, response) => {
    if (request.httpVersionMajor === 2) return;
    void serveHttp1(request as unknown as IncomingMessage, response as unknown as ServerResponse, peers, exchange);
  });
  // 'request' brings Node's compatibility layer for HTTP/2, which costs a fifth of the throughput: streams go past it.
  server.removeAllListeners('stream');
  const gathering = new Gathering();
  server.on('stream', (stream, headers) => serveStream(stream, headers, peers, gathering, exchange));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void serveUpgrade(request, socket, head, peers, kubelet, exchange);
  });
  server.on('sessionError', () => {});
  server.on('tlsClientError', () => {});
  server.on('session', (session) => {
    connections.sessions.add(session);
    session.on('close', () => connections.sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  server.on('secureConnection', (socket) => {
    socket.setNoDelay(true);
    connections.sockets.add(socket);
    socket.on('close', () => connections.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  return connections;
}

/** HTTP/2 clients are told to go, idle connections end; the others when their answers are written. */
async function shutDown(
  server: Http2SecureServer,
  { sessions, sockets }: Connections,
  { open, ctx: { clock } }: Exchange,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close();
  (server as unknown as HttpServer).closeIdleConnections(); // with allowHTTP1 it is there; its type does not say so
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve));
  const deadlineMs = clock.monotonicMs() + SHUTDOWN_MS_MAX;
  while (open.count > 0 && clock.monotonicMs() < deadlineMs) await pause(POLL_MS);
  // Streams that others carry on (exec, port-forward) have no end of their own.
  const timer = clock.setTimer(FLUSH_MS_MAX, () => destroyAll(sockets));
  await closed;
  timer.cancel();
}

function destroyAll(sockets: Iterable<TLSSocket>): void {
  for (const socket of sockets) socket.destroy();
}
