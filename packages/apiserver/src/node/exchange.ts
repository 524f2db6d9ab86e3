/** One HTTP exchange, whichever version carries it: reads the body, asks the server, writes the answer. */
import { createGzip, gzip } from 'node:zlib';
import type { Readable } from 'node:stream';
import { ApiError, type Ctx, describeError } from '@kapella/base';
import type { ApiResponse, ByteSink, ResponseStream } from '@kapella/client';
import type { ServerRequest } from '../auth/contract.ts';
import type { ApiServer } from '../server/server.ts';
import type { Peer } from './peer.ts';

export const BODY_BYTES_MAX = 3 * 1024 * 1024;
const BODY_MS_MAX = 60_000;
const GZIP_BYTES_MIN = 128 * 1024;
const GZIP_LEVEL = 1; // upstream: defaultGzipContentEncodingLevel

type Headers = Record<string, string | readonly string[]>;

/** What an HTTP version does with an answer. */
export interface Answerer {
  /** The whole answer at once. */
  send(status: number, headers: Headers, body: Uint8Array): void;
  /** Starts an answer of unknown length. */
  open(status: number, headers: Headers): ByteSink;
  /** Calls back when the client is gone or the answer is complete. */
  onClose(fn: () => void): void;
  readonly isHead: boolean;
}

export interface Exchange {
  readonly server: ApiServer;
  readonly ctx: Ctx;
  /** Of all watches: aborts when the server shuts down. */
  readonly draining: AbortSignal;
  /** Requests whose answers are not written yet. */
  readonly open: { count: number };
  /** Of each HTTP/2 request: that its connection is told to go elsewhere after the answer. */
  readonly goawayChance: number;
}

export function requestOf(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  peer: Peer,
  body: Uint8Array | undefined,
): ServerRequest {
  const mark = url.indexOf('?');
  return {
    method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark + 1),
    headers,
    remoteAddress: peer.address,
    ...(body === undefined ? {} : { body }),
    ...(peer.certificate === undefined ? {} : { clientCertificate: peer.certificate }),
    ...(peer.hasBadCertificate ? { hasBadCertificate: true } : {}),
  };
}

/** Never rejects. */
export async function answer(exchange: Exchange, request: ServerRequest, to: Answerer): Promise<void> {
  const { server, ctx, draining, open } = exchange;
  open.count++;
  try {
    const response = await server.handle(request, ctx);
    const headers = response.headers as Headers;
    if (response.body instanceof Uint8Array) {
      await sendWhole(to, response, headers, response.body, request.headers['accept-encoding']);
      return;
    }
    const gone = new AbortController();
    const stop = () => gone.abort();
    to.onClose(stop);
    if (response.body.length !== undefined) {
      sendParts(to, response.status, headers, response.body, request.headers['accept-encoding'], gone.signal);
      return;
    }
    const sink = to.open(response.status, headers);
    if (draining.aborted) {
      sink.close();
      return;
    }
    draining.addEventListener('abort', () => sink.close(), { once: true, signal: gone.signal });
    response.body.start(sink, gone.signal);
  } catch (error) {
    // The server answers every error itself: what comes here is a broken connection.
    ctx.log.debug('answer not delivered', { path: request.path, error: describeError(error) });
  } finally {
    open.count--;
  }
}

async function sendWhole(
  to: Answerer,
  response: ApiResponse,
  headers: Headers,
  body: Uint8Array,
  acceptEncoding: string | undefined,
): Promise<void> {
  if (body.length < GZIP_BYTES_MIN || !takesGzip(acceptEncoding)) {
    to.send(response.status, headers, body);
    return;
  }
  const zipped = await new Promise<Uint8Array>((resolve, reject) => {
    gzip(body, { level: GZIP_LEVEL }, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
  to.send(response.status, { ...headers, ...ZIPPED }, zipped);
}

/** A large answer of known length, as fast as the client takes it. */
function sendParts(
  to: Answerer,
  status: number,
  headers: Headers,
  body: ResponseStream,
  acceptEncoding: string | undefined,
  gone: AbortSignal,
): void {
  const isZipped = takesGzip(acceptEncoding);
  const more: Headers = isZipped ? ZIPPED : { 'content-length': String(body.length) };
  const sink = to.open(status, { ...headers, ...more });
  if (to.isHead) sink.close();
  else body.start(isZipped ? zippedSink(sink, gone) : sink, gone);
}

function zippedSink(sink: ByteSink, gone: AbortSignal): ByteSink {
  const zip = createGzip({ level: GZIP_LEVEL });
  zip.on('data', (chunk: Uint8Array) => {
    if (!sink.write(chunk)) zip.pause();
  });
  sink.onDrain(() => zip.resume());
  zip.on('end', () => sink.close());
  zip.on('error', (error) => sink.close(error));
  gone.addEventListener('abort', () => zip.destroy(), { once: true });
  return {
    write: (chunk) => zip.write(chunk),
    close: (error) => (error === undefined ? zip.end() : zip.destroy(error)),
    onDrain: (fn) => void zip.on('drain', fn),
  };
}

const ZIPPED = { 'content-encoding': 'gzip', vary: 'Accept-Encoding' };

const takesGzip = (acceptEncoding: string | undefined) =>
  acceptEncoding !== undefined && /\bgzip\b/.test(acceptEncoding);

export function hasBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
}

/** Rejects with RequestEntityTooLarge or Timeout; what the client sends after that is dropped. */
export function readBody(source: Readable, declaredLength: string | undefined, ctx: Ctx): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (Number(declaredLength ?? '0') > BODY_BYTES_MAX) {
      source.resume();
      reject(tooLarge());
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = ctx.clock.setTimer(BODY_MS_MAX, () =>
      fail(new ApiError('Timeout', 'the request body did not arrive in time')),
    );
    const finish = () => {
      timer.cancel();
      source.removeListener('data', onData);
      source.removeListener('end', onEnd);
      source.removeListener('error', fail);
      source.removeListener('close', onClose);
    };
    const fail = (error: Error) => {
      finish();
      source.resume();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > BODY_BYTES_MAX) fail(tooLarge());
      else chunks.push(chunk);
    };
    const onEnd = () => {
      finish();
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    };
    const onClose = () => fail(new Error('the client went away'));
    source.on('data', onData);
    source.on('end', onEnd);
    source.on('error', fail);
    source.on('close', onClose);
  });
}

function tooLarge(): ApiError {
  return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${BODY_BYTES_MAX}`);
}
