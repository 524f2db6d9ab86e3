/** How long an answer may take. Source: apiserver/pkg/endpoints/filters/request_deadline.go, server/filters/timeout.go. */
import { parseDurationMs } from '@kapella/api';
import { ApiError, type Ctx, errors, setTimerWithin } from '@kapella/base';
import type { RequestInfo } from '../http/request-info.ts';

/** Upstream's --request-timeout. */
export const REQUEST_MS_MAX = 60_000;
/** Requests without a limit of their own are looked at so often: a timer for each would cost more than most answers. */
const LOOK_MS = 1_000;

export interface Deadlines {
  /** Milliseconds that the request may take. Throws BadRequest for a `timeout` that is no duration. */
  limitOf(query: URLSearchParams): number;
  /** Settles as `work` does, or rejects with Timeout; `work` goes on unheard. */
  within<T>(limitMs: number, work: Promise<T>, ctx: Ctx): Promise<T>;
}

export function createDeadlines(maxMs: number): Deadlines {
  const open = new Set<{ readonly dueMs: number; expire(): void }>();
  let isLooking = false;
  const look = (ctx: Ctx) => {
    isLooking = true;
    setTimerWithin(ctx, LOOK_MS, () => {
      const nowMs = ctx.clock.monotonicMs();
      // In the order of their beginning, and all have the same limit.
      for (const entry of open) {
        if (entry.dueMs > nowMs) break;
        open.delete(entry);
        entry.expire();
      }
      isLooking = false;
      if (open.size > 0) look(ctx);
    });
  };
  return {
    limitOf(query) {
      const text = query.size === 0 ? '' : (query.get('timeout') ?? '');
      if (text === '') return maxMs;
      const limitMs = parseGoDuration(text);
      if (limitMs === undefined) {
        const why = `time: invalid duration ${JSON.stringify(text)}`;
        throw errors.badRequest(`invalid timeout specified in the request URL - ${why}`);
      }
      return limitMs > 0 && limitMs < maxMs ? limitMs : maxMs;
    },
    within(limitMs, work, ctx) {
      return new Promise((resolve, reject) => {
        if (limitMs < maxMs) {
          const timer = ctx.clock.setTimer(limitMs, () => reject(tooLate()));
          work.then(resolve, reject).finally(() => timer.cancel());
          return;
        }
        const entry = { dueMs: ctx.clock.monotonicMs() + maxMs, expire: () => reject(tooLate()) };
        open.add(entry);
        if (!isLooking) look(ctx);
        work.then(
          (value) => {
            open.delete(entry);
            resolve(value);
          },
          (error) => {
            open.delete(entry);
            reject(error);
          },
        );
      });
    },
  };
}

function tooLate(): ApiError {
  return new ApiError('Timeout', 'Timeout: request did not complete within the allotted timeout', { details: {} });
}

const DURATION_LENGTH_MAX = 64;

/** `1h15m30.5s` of a request, in milliseconds; undefined: no such thing. */
export function parseGoDuration(text: string): number | undefined {
  return text.length > DURATION_LENGTH_MAX ? undefined : parseDurationMs(text);
}

const LONG_RUNNING: ReadonlySet<string> = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

/** Watches, streams and profiles last as long as they like. */
export function isLongRunning({ verb, isResource, subresource, path }: RequestInfo): boolean {
  if (verb === 'watch' || verb === 'proxy') return true;
  return isResource ? subresource !== '' && LONG_RUNNING.has(subresource) : path.startsWith('/debug/pprof/');
}
