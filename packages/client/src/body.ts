/** Response bodies: read whole, or cut into JSON lines. Source: client-go/rest and apimachinery/pkg/runtime/serializer/streaming. */
import { ApiError, type Ctx, type Status } from '@kapella/base';
import type { ApiResponse, ResponseStream } from './transport.ts';

const NEWLINE = 0x0a;
/** Why a stream is left that was read to its end: one for all, as an error made for each would take a stack each. */
const READ = new Error('the response was read');

/** The whole body, also of a streaming response. Rejects when the stream is cut off or ctx aborts. */
export async function readBody(body: Uint8Array | ResponseStream, ctx: Ctx): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  await consume(body, (chunk) => chunks.push(chunk), ctx);
  return concat(chunks);
}

/** Feeds each chunk to `onChunk`; resolves when the stream ends. */
export function consume(
  body: Uint8Array | ResponseStream,
  onChunk: (chunk: Uint8Array) => void,
  ctx: Ctx,
): Promise<void> {
  if (body instanceof Uint8Array) {
    onChunk(body);
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const stop = new AbortController();
    let open = true;
    const end = (error?: unknown) => {
      if (!open) return;
      open = false;
      ctx.signal.removeEventListener('abort', onAbort);
      stop.abort(READ);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = () => end(ctx.signal.reason);
    if (ctx.signal.aborted) return end(ctx.signal.reason);
    ctx.signal.addEventListener('abort', onAbort, { once: true });
    body.start(
      {
        write(chunk) {
          if (!open) return true;
          try {
            onChunk(chunk);
          } catch (error) {
            end(error);
          }
          return true;
        },
        close: (error) => end(error),
        onDrain: () => {},
      },
      stop.signal,
    );
  });
}

/** Cuts chunks at newlines. One line in one chunk, the usual case of a watch, is decoded without a copy. */
export function createLineDecoder(onLine: (line: string) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest: Uint8Array[] = [];
  return (chunk) => {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      const piece = chunk.subarray(start, end);
      const line = rest.length === 0 ? piece : concat([...rest, piece]);
      rest = [];
      start = end + 1;
      if (line.length > 0) onLine(decoder.decode(line));
    }
    // Chunks may be shared with other readers or reused by the transport once we return.
    if (start < chunk.length) rest.push(chunk.slice(start));
  };
}

/** What whole lines of JSON say, by the chunk that holds them: watchers of one process decode each event once. */
const decoded = new WeakMap<Uint8Array, readonly unknown[]>();

/** As `createLineDecoder`, for chunks that never change and are shared: what `onValue` is given is shared too, and readonly. */
export function createSharedDecoder(onValue: (value: unknown) => void): (chunk: Uint8Array) => void {
  let isWhole = true;
  const cut = createLineDecoder((line) => onValue(JSON.parse(line)));
  return (chunk) => {
    const endsLine = chunk.at(-1) === NEWLINE;
    if (!isWhole || !endsLine) {
      isWhole = endsLine;
      cut(chunk);
      return;
    }
    let values = decoded.get(chunk);
    if (values === undefined) {
      const made: unknown[] = [];
      createLineDecoder((line) => made.push(JSON.parse(line)))(chunk);
      values = made;
      decoded.set(chunk, made);
    }
    for (const value of values) onValue(value);
  };
}

/** The ApiError that a response of status >= 400 stands for. */
export async function errorOf(response: ApiResponse, ctx: Ctx): Promise<ApiError> {
  const text = new TextDecoder().decode(await readBody(response.body, ctx));
  const status = parseStatus(text);
  if (status !== undefined) return ApiError.fromStatus({ ...status, code: status.code ?? response.status });
  return new ApiError(reasonOfCode(response.status), text.trim().slice(0, 1024) || `HTTP status ${response.status}`, {
    code: response.status,
  });
}

function parseStatus(text: string): Partial<Status> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Status>;
    return value.kind === 'Status' ? value : undefined;
  } catch {
    return undefined;
  }
}

function reasonOfCode(code: number): string {
  switch (code) {
    case 400:
      return 'BadRequest';
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 405:
      return 'MethodNotAllowed';
    case 406:
      return 'NotAcceptable';
    case 409:
      return 'Conflict';
    case 410:
      return 'Gone';
    case 413:
      return 'RequestEntityTooLarge';
    case 415:
      return 'UnsupportedMediaType';
    case 422:
      return 'Invalid';
    case 429:
      return 'TooManyRequests';
    case 503:
      return 'ServiceUnavailable';
    case 504:
      return 'Timeout';
    default:
      return code >= 500 ? 'InternalError' : 'Unknown';
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const only = chunks.length === 1 ? chunks[0] : undefined;
  if (only !== undefined) return only;
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
