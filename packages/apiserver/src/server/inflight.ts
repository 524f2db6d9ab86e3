/** How many requests are served at once. Source: apiserver/pkg/server/filters/maxinflight.go. */
import { ApiError } from '@kapella/base';
import { MASTERS_GROUP } from '../auth/authorize.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../resource.ts';

export interface InflightOptions {
  /** Default 400. */
  readonly readsMax?: number;
  /** Default 200. */
  readonly writesMax?: number;
}

export interface Inflight {
  /** Throws TooManyRequests. Returns what to call when the answer is ready. Long-running requests are not counted. */
  enter(info: RequestInfo, user: UserInfo): () => void;
}

const READS_MAX = 400;
const WRITES_MAX = 200;

export function createInflight({ readsMax = READS_MAX, writesMax = WRITES_MAX }: InflightOptions): Inflight {
  let reads = 0;
  let writes = 0;
  const leaveRead = () => void reads--;
  const leaveWrite = () => void writes--;
  const nothing = () => {};
  return {
    enter({ verb, subresource }, user) {
      if (verb === 'watch' || LONG_RUNNING.has(subresource)) return nothing;
      const isRead = verb === 'get' || verb === 'list';
      const isFull = isRead ? reads >= readsMax : writes >= writesMax;
      if (isFull && !user.groups.includes(MASTERS_GROUP)) throw tooMany();
      if (isRead) {
        reads++;
        return leaveRead;
      }
      writes++;
      return leaveWrite;
    },
  };
}

const LONG_RUNNING: ReadonlySet<string> = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

function tooMany(): ApiError {
  return new ApiError('TooManyRequests', 'Too many requests, please try again later.', {
    details: { retryAfterSeconds: 1 },
  });
}
