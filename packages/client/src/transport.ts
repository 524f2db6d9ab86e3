/** How every component reaches the API: HTTPS, or in memory through the same pipeline without a socket. */
import type { Ctx } from '@kapella/base';

export interface ApiRequest {
  readonly method: string;
  /** Path without query, still percent-encoded. */
  readonly path: string;
  /** Without the leading `?`; '' when absent. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** Where a streaming response writes. */
export interface ByteSink {
  /**
   * Takes one chunk; false means: hold back until `onDrain` is called. Chunks are shared between sinks: never changed,
   * unless `sent` is given and was called: then nothing reads the chunk any more. A sink need not call it.
   */
  write(chunk: Uint8Array, sent?: () => void): boolean;
  /** Ends the response; with an error it is cut off. */
  close(error?: Error): void;
  onDrain(fn: () => void): void;
}

/** A response that is written bit by bit: watch, log follow, large list. */
export interface ResponseStream {
  /** Bytes of the whole, where that is known; a stream without it ends when the client or the server has enough. */
  readonly length?: number;
  /** Called once. After `signal` aborts nothing is written. */
  start(sink: ByteSink, signal: AbortSignal): void;
}

export interface ApiResponse {
  readonly status: number;
  /** Lower-case names; a repeated header (warning) is an array. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array | ResponseStream;
}

export interface Transport {
  /** Chunks of streams are the server's own, the same for all who watch, and never change: what is read of one is read once. */
  readonly sharesChunks?: true;
  /** Resolves with any HTTP status; rejects only when no answer came (cause kept). */
  request(request: ApiRequest, ctx: Ctx): Promise<ApiResponse>;
  close(): Promise<void>;
}
