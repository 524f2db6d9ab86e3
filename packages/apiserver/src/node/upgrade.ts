/** exec, attach, portforward and proxied WebSockets: checked, then bytes both ways unchanged. */
import type { IncomingMessage } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { describeError } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import type { ConnectTarget } from '../resource.ts';
import { toApiError } from '../respond/respond.ts';
import { forwardedHeaders, type KubeletCredentials } from './dialer.ts';
import { type Exchange, requestOf } from './exchange.ts';
import { tlsOptions } from './http-caller.ts';
import type { Peers } from './peer.ts';
import { answerInMessages, messagesOf } from './websocket-answer.ts';

const CONNECT_MS_MAX = 30_000;
const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** Never rejects: errors are written to the client as HTTP. */
export async function serveUpgrade(
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  peers: Peers,
  kubelet: KubeletCredentials,
  exchange: Exchange,
): Promise<void> {
  const { server, ctx } = exchange;
  const peer = peers.of(request.socket as TLSSocket);
  const headers = request.headers as Record<string, string>;
  client.on('error', () => client.destroy());
  try {
    const question = requestOf(request.method ?? 'GET', request.url ?? '/', headers, peer, undefined);
    const messages = messagesOf(request);
    if (messages !== undefined) {
      const response = await server.handle(question, ctx);
      if (response.status === 200) answerInMessages(messages, request, client, head, response, exchange.draining);
      else writeError(client, response.status, bodyText(response.body));
      return;
    }
    const target = await server.connect(question, ctx);
    if (client.destroyed) target.ended();
    else client.once('close', () => target.ended());
    const backend = await dialTarget(target, kubelet, exchange);
    backend.on('error', () => client.destroy());
    backend.on('close', () => client.destroy());
    client.on('close', () => backend.destroy());
    exchange.draining.addEventListener('abort', () => backend.end(), { once: true });
    backend.write(requestHead(request, target, forwardedHeaders(target.headers ?? headers, peer.address)));
    if (head.length > 0) backend.write(head);
    client.pipe(backend);
    backend.pipe(client);
  } catch (error) {
    const answer = toApiError(error);
    ctx.log.debug('upgrade refused', { path: request.url ?? '', error: describeError(error) });
    writeError(client, answer.code, JSON.stringify(answer.toStatus()));
  }
}

function dialTarget(target: ConnectTarget, kubelet: KubeletCredentials, { ctx }: Exchange): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = target;
    const socket: Socket =
      target.protocol === 'http'
        ? connectTcp({ host, port })
        : connectTls({
            host,
            port,
            ALPNProtocols: ['http/1.1'],
            ...(target.kubeletAuth ? { cert: kubelet.certificate, key: kubelet.privateKey } : {}),
            ...(target.kubeletAuth && kubelet.ca !== undefined
              ? { ca: kubelet.ca, checkServerIdentity: () => undefined }
              : target.tls === undefined
                ? { rejectUnauthorized: false }
                : (tlsOptions(target.tls) as ConnectionOptions)),
          });
    const timer = ctx.clock.setTimer(CONNECT_MS_MAX, () =>
      socket.destroy(new Error(`dial tcp ${host}:${port}: time-out`)),
    );
    socket.once(target.protocol === 'http' ? 'connect' : 'secureConnect', () => {
      timer.cancel();
      socket.removeListener('error', reject);
      socket.setNoDelay(true);
      resolve(socket);
    });
    socket.once('error', (error) => {
      timer.cancel();
      reject(error);
    });
  });
}

function requestHead(request: IncomingMessage, target: ConnectTarget, headers: Record<string, string>): string {
  const protocols = headers['sec-websocket-protocol'];
  if (protocols !== undefined) {
    headers['sec-websocket-protocol'] = protocols
      .split(',')
      .map((text) => text.trim())
      .filter((text) => !text.startsWith(TOKEN_PROTOCOL))
      .join(', ');
  }
  const lines = [`${request.method} ${target.path} HTTP/1.1`, `Host: ${target.host}:${target.port}`];
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : [value]) lines.push(`${name}: ${one}`);
  }
  lines.push('Connection: Upgrade', `Upgrade: ${request.headers.upgrade ?? ''}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

const bodyText = (body: ApiResponse['body']) => (body instanceof Uint8Array ? Buffer.from(body).toString() : '');

function writeError(client: Duplex, status: number, body: string): void {
  if (client.destroyed) return;
  client.end(
    `HTTP/1.1 ${status} Error\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}
