/** One HTTP/2 session to an API server, opened when needed and again when lost. Source: client-go/transport. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import type { Ctx } from '@kapella/base';
import type { ApiRequest, ApiResponse, ByteSink, ResponseStream, Transport } from '../../../transport.ts';

const PING_EVERY_MS = 30_000;
const PING_WAIT_MS = 15_000;
const CONNECT_WAIT_MS = 15_000;
/** Wide windows: one slow watcher must not hold back the others of the session. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
const SESSION_WINDOW_BYTES = 64 * 1024 * 1024;

export interface HttpsTransportOptions {
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM. Without it the host's roots count. */
  readonly ca?: string | Uint8Array;
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** Asked for each request, so that a rotated token is taken up. */
  readonly token?: () => string | undefined;
  /** Name that the server's certificate must carry. */
  readonly serverName?: string;
  readonly insecure?: boolean;
  /** Sent with each request, e.g. Impersonate-User. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A transport whose credentials may change. */
export interface HttpsClientTransport extends Transport {
  /** Requests from now on go over a new session, which reads `cert` and `key` again; what runs goes on. */
  reconnect(): void;
}

/** `options` are read at each connection: a getter may answer newer credentials. */
export function createHttpsTransport(options: HttpsTransportOptions): HttpsClientTransport {
  return new HttpsTransport(options);
}

class HttpsTransport implements HttpsClientTransport {
  readonly #options: HttpsTransportOptions;
  readonly #prefix: string;
  #session: ClientHttp2Session | undefined;
  #closed = false;

  constructor(options: HttpsTransportOptions) {
    this.#options = options;
    this.#prefix = new URL(options.server).pathname.replace(/\/$/, '');
  }

  async request(request: ApiRequest, ctx: Ctx): Promise<ApiResponse> {
    for (let attempt = 0; ; attempt++) {
      ctx.signal.throwIfAborted();
      try {
        return await this.#once(request, ctx);
      } catch (error) {
        // The server never took up the stream: asking again on a new session is safe, also for writes.
        if (attempt > 0 || !wasNotProcessed(error)) throw error;
      }
    }
  }

  reconnect(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined || session.destroyed) return;
    await new Promise<void>((resolve) => {
      session.once('close', resolve);
      session.destroy();
    });
  }

  #once(request: ApiRequest, ctx: Ctx): Promise<ApiResponse> {
    const session = this.#live();
    const { method, path, query, headers, body } = request;
    const token = this.#options.token?.();
    const stream = session.request(
      {
        ...this.#options.headers,
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ':method': method,
        ':path': `${this.#prefix}${path}${query === '' ? '' : `?${query}`}`,
      },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body);
    return answerOf(stream, query.includes('watch=true') || query.includes('follow=true'), this.#options.server, ctx);
  }

  #live(): ClientHttp2Session {
    if (this.#closed) throw new Error('the transport is closed');
    const present = this.#session;
    if (present !== undefined && !present.closed && !present.destroyed) return present;
    const session = this.#open();
    this.#session = session;
    return session;
  }

  #open(): ClientHttp2Session {
    const { server, ca, cert, key, serverName, insecure } = this.#options;
    const secure: SecureContextOptions = { ca: text(ca), cert: text(cert), key: text(key) };
    const session = connect(new URL(server).origin, {
      ...secure,
      rejectUnauthorized: insecure !== true,
      ...(serverName === undefined ? {} : { servername: serverName }),
      settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
    });
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    const connecting = setTimeout(() => session.destroy(new Error('timed out connecting')), CONNECT_WAIT_MS);
    session.once('connect', () => {
      clearTimeout(connecting);
      session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    });
    const ping = setInterval(() => pingOrDestroy(session), PING_EVERY_MS);
    ping.unref();
    session.on('error', forget); // each stream of the session reports the error itself
    session.on('goaway', forget);
    session.once('close', () => {
      clearTimeout(connecting);
      clearInterval(ping);
      forget();
    });
    return session;
  }
}

/** A peer that vanished without a word is noticed within 45 s. */
function pingOrDestroy(session: ClientHttp2Session): void {
  if (session.destroyed || session.connecting) return;
  const timer = setTimeout(() => session.destroy(new Error('the server does not answer pings')), PING_WAIT_MS);
  timer.unref();
  session.ping(() => clearTimeout(timer));
}

function answerOf(stream: ClientHttp2Stream, streaming: boolean, server: string, ctx: Ctx): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      stream.close(constants.NGHTTP2_CANCEL);
      reject(ctx.signal.reason);
    };
    let settled = false;
    const done = () => {
      settled = true;
      ctx.signal.removeEventListener('abort', onAbort);
    };
    ctx.signal.addEventListener('abort', onAbort, { once: true });
    const fail = (cause: unknown) => {
      if (settled) return;
      done();
      reject(new Error(`no answer from ${server}`, { cause }));
    };
    stream.on('error', fail);
    // Every stream closes: an error, with its stack, is made only where there was no answer.
    stream.once('close', () => settled || fail(new Error('the connection ended')));
    stream.once('response', (raw: IncomingHttpHeaders & { ':status'?: number }) => {
      const status = Number(raw[':status']);
      const headers = headersOf(raw);
      if (streaming && status < 400) {
        done();
        resolve({ status, headers, body: streamOf(stream) });
        return;
      }
      const chunks: Uint8Array[] = [];
      stream.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      stream.once('end', () => {
        done();
        resolve({ status, headers, body: Buffer.concat(chunks) });
      });
    });
  });
}

function streamOf(stream: ClientHttp2Stream): ResponseStream {
  // Until `start` the data waits in the stream; an error that comes first is told at the start.
  let failed: Error | undefined;
  stream.on('error', (error) => {
    failed = error;
  });
  return {
    start(sink: ByteSink, signal: AbortSignal) {
      const abort = () => stream.close(constants.NGHTTP2_CANCEL);
      if (signal.aborted) return abort();
      if (failed !== undefined || stream.destroyed) return sink.close(failed ?? new Error('the connection ended'));
      signal.addEventListener('abort', abort, { once: true });
      sink.onDrain(() => stream.resume());
      let ended = false;
      stream.on('data', (chunk: Uint8Array) => {
        if (!sink.write(chunk)) stream.pause();
      });
      stream.once('end', () => {
        ended = true;
      });
      stream.once('close', () => {
        signal.removeEventListener('abort', abort);
        if (signal.aborted) return;
        const whole = ended && stream.rstCode === constants.NGHTTP2_NO_ERROR && failed === undefined;
        sink.close(whole ? undefined : (failed ?? new Error('the connection ended')));
      });
    },
  };
}

function headersOf(raw: IncomingHttpHeaders): Record<string, string | readonly string[]> {
  const headers: Record<string, string | readonly string[]> = Object.create(null);
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined && !name.startsWith(':')) headers[name] = Array.isArray(value) ? value : String(value);
  }
  return headers;
}

function wasNotProcessed(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const { code = '', message = '' } = (cause ?? {}) as { code?: string; message?: string };
  return (
    code === 'ERR_HTTP2_GOAWAY_SESSION' ||
    code === 'ERR_HTTP2_INVALID_SESSION' ||
    message.includes('NGHTTP2_REFUSED_STREAM')
  );
}

function text(pem: string | Uint8Array | undefined): string | undefined {
  return pem === undefined || typeof pem === 'string' ? pem : Buffer.from(pem).toString();
}
