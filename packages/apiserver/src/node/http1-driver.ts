/** HTTP/1.1, which kubectl uses for upgrades and many other clients for everything. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { ApiError } from '@kapella/base';
import type { ByteSink } from '@kapella/client';
import { answer, type Answerer, type Exchange, hasBody, readBody, requestOf } from './exchange.ts';
import type { Peers } from './peer.ts';

/** Never rejects. */
export async function serveHttp1(
  request: IncomingMessage,
  response: ServerResponse,
  peers: Peers,
  exchange: Exchange,
): Promise<void> {
  const method = request.method ?? 'GET';
  const peer = peers.of(request.socket as TLSSocket);
  const fields = request.headers as Record<string, string>;
  const to = new ResponseAnswerer(response, method === 'HEAD');
  response.on('error', () => {});
  // A connection that is kept would keep the server from ending.
  response.on('finish', () => exchange.draining.aborted && request.socket.end());
  try {
    const body = hasBody(method) ? await readBody(request, fields['content-length'], exchange.ctx) : undefined;
    await answer(exchange, requestOf(method, request.url ?? '/', fields, peer, body), to);
  } catch (error) {
    if (!(error instanceof ApiError)) return;
    to.send(
      error.code,
      { 'content-type': 'application/json', connection: 'close' },
      Buffer.from(JSON.stringify(error.toStatus())),
    );
  }
}

class ResponseAnswerer implements Answerer {
  readonly #response: ServerResponse;
  readonly isHead: boolean;

  constructor(response: ServerResponse, isHead: boolean) {
    this.#response = response;
    this.isHead = isHead;
  }

  send(status: number, headers: Record<string, string | readonly string[]>, body: Uint8Array): void {
    const response = this.#response;
    if (response.destroyed) return;
    response.writeHead(status, { ...headers, 'content-length': String(body.length) } as Record<string, string>);
    if (this.isHead) response.end();
    else response.end(body);
  }

  open(status: number, headers: Record<string, string | readonly string[]>): ByteSink {
    const response = this.#response;
    response.writeHead(status, headers as Record<string, string>);
    response.flushHeaders();
    return {
      write: (chunk) => response.destroyed || response.writableEnded || response.write(chunk),
      close: (error) => {
        if (error === undefined) response.end();
        else response.destroy(error);
      },
      onDrain: (fn) => void response.on('drain', fn),
    };
  }

  onClose(fn: () => void): void {
    if (this.#response.destroyed) fn();
    else this.#response.once('close', fn);
  }
}
