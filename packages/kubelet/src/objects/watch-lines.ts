/** One watch request, its events decoded line by line. */
import type { KubeObject } from '@kapella/api';
import { ApiError, type Ctx, type Status } from '@kapella/base';
import type { Transport } from '@kapella/client';

export interface WatchLine {
  readonly type: string;
  readonly object: KubeObject;
}

/** Resolves when the stream ends, `ctx` aborts or `onEvent` answers false; rejects with ApiError or the transport's error. */
export async function watchLines(
  transport: Transport,
  path: string,
  query: string,
  ctx: Ctx,
  onEvent: (event: WatchLine) => boolean,
): Promise<void> {
  const response = await transport.request({ method: 'GET', path, query, headers: { accept: 'application/json' } }, ctx);
  const { body } = response;
  if (body instanceof Uint8Array) {
    throw ApiError.fromStatus(JSON.parse(new TextDecoder().decode(body)) as Partial<Status>);
  }
  const abort = new AbortController();
  const signal = AbortSignal.any([ctx.signal, abort.signal]);
  const decoder = new TextDecoder();
  let rest = '';
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    body.start(
      {
        write(chunk) {
          const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) {
            if (line.trim() !== '' && !onEvent(JSON.parse(line) as WatchLine)) abort.abort();
          }
          return true;
        },
        close: (error) => (error === undefined ? resolve() : reject(error)),
        onDrain: () => {},
      },
      signal,
    );
  });
}
