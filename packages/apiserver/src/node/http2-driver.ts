/** HTTP/2 by the core stream API, which costs a fifth less than the compatibility one. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { ApiError } from '@kapella/base';
import type { ByteSink } from '@kapella/client';
import { toApiError } from '../respond/respond.ts';
import { answer, type Answerer, type Exchange, hasBody, readBody, requestOf } from './exchange.ts';
import type { Peers } from './peer.ts';

const INTERNAL_ERROR = 2; // RFC 9113, section 7

/**
 * Node keeps a stream until the next major collection, and with it whatever hangs on it: what listens is to hold nothing of
 * the request, or to be taken off when it has been served. Otherwise every request lives long enough to be moved twice.
 */
const ignore = () => {};

export function serveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  peers: Peers,
  gathering: Gathering,
  exchange: Exchange,
): void {
  stream.on('error', ignore); // the client went away; 'close' follows
  const socket = stream.session?.socket as unknown as TLSSocket | undefined;
  if (socket === undefined) return;
  if (exchange.goawayChance > 0 && exchange.ctx.random.float() < exchange.goawayChance) stream.session?.close();
  const peer = peers.of(socket);
  const method = headers[':method'] as string;
  const url = headers[':path'] as string;
  const fields = headers as unknown as Record<string, string>;
  const to = new StreamAnswerer(stream, method === 'HEAD', gathering);
  if (!hasBody(method)) {
    void answer(exchange, requestOf(method, url, fields, peer, undefined), to);
    return;
  }
  readBody(stream, fields['content-length'], exchange.ctx).then(
    (body) => answer(exchange, requestOf(method, url, fields, peer, body), to),
    (error: unknown) => refuse(to, error),
  );
}

function refuse(to: Answerer, error: unknown): void {
  if (!(error instanceof ApiError)) return;
  const status = toApiError(error);
  to.send(status.code, { 'content-type': 'application/json' }, Buffer.from(JSON.stringify(status.toStatus())));
}

/** Streams whose writes go out in one turn of the event loop: with thousands of watchers others are served in between. */
const STREAMS_A_TURN = 64;

/** What one turn of the event loop writes goes out together: a write of its own for each event costs more than the event. */
export class Gathering {
  readonly #streams = new Set<ServerHttp2Stream>();
  #isDue = false;

  write(stream: ServerHttp2Stream, chunk: Uint8Array, sent?: () => void): boolean {
    if (!this.#streams.has(stream)) {
      this.#streams.add(stream);
      stream.cork();
      this.#release();
    }
    return sent === undefined ? stream.write(chunk) : stream.write(chunk, (error) => error ?? sent());
  }

  #release(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      let left = STREAMS_A_TURN;
      for (const stream of this.#streams) {
        if (left-- === 0) break;
        this.#streams.delete(stream);
        stream.uncork();
      }
      if (this.#streams.size > 0) this.#release();
    });
  }
}

/**
 * Node closes a stream whose request has been read as soon as its last frame is made, which is before that is written.
 * Such a stream is given an error that nobody reads, and its native part waits for a major collection: tens of thousands of
 * them are a pause of hundreds of milliseconds. One turn later the write is done, in all but the fullest sockets.
 */
function destroyWritten(this: ServerHttp2Stream, error?: Error): ServerHttp2Stream {
  const isWriting = error === undefined && this.closed && this.writableEnded && !this.writableFinished;
  if (isWriting && !this.destroyed) setImmediate(destroyNow, this);
  else Duplex.prototype.destroy.call(this, error);
  return this;
}

function destroyNow(stream: ServerHttp2Stream): void {
  Duplex.prototype.destroy.call(stream);
}

class StreamAnswerer implements Answerer {
  readonly #stream: ServerHttp2Stream;
  readonly isHead: boolean;
  readonly #gathering: Gathering;

  constructor(stream: ServerHttp2Stream, isHead: boolean, gathering: Gathering) {
    this.#stream = stream;
    this.#gathering = gathering;
    this.isHead = isHead;
  }

  send(status: number, headers: Record<string, string | readonly string[]>, body: Uint8Array): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    const fields = { ':status': status, 'content-length': String(body.length), ...headers } as OutgoingHttpHeaders;
    if (this.isHead) {
      stream.respond(fields, { endStream: true });
      return;
    }
    stream.destroy = destroyWritten as typeof stream.destroy;
    stream.respond(fields);
    stream.end(body);
  }

  open(status: number, headers: Record<string, string | readonly string[]>): ByteSink {
    const stream = this.#stream;
    const gathering = this.#gathering;
    if (!stream.destroyed) stream.respond({ ':status': status, ...headers } as OutgoingHttpHeaders);
    return {
      write: (chunk, sent) => stream.destroyed || stream.writableEnded || gathering.write(stream, chunk, sent),
      close: (error) => {
        if (stream.destroyed) return;
        if (error === undefined) stream.end();
        else stream.close(INTERNAL_ERROR);
      },
      onDrain(fn) {
        stream.on('drain', fn);
        stream.once('close', () => stream.removeListener('drain', fn));
      },
    };
  }

  onClose(fn: () => void): void {
    if (this.#stream.destroyed) fn();
    else this.#stream.once('close', fn);
  }
}
