/** How many requests are served at once where there is no flow control. Source: apiserver/pkg/server/filters/maxinflight.go. */
import { MASTERS_GROUP } from '../auth/authorize.ts';
import type { Refusal, Ticket } from '../flow-control/flow-control.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../resource.ts';

export interface InflightOptions {
  /** Default 400; 0: no limit. */
  readonly readsMax?: number;
  /** Default 200; 0: no limit. */
  readonly writesMax?: number;
}

export interface Inflight {
  /** Long-running requests are not to be asked for. */
  enter(info: RequestInfo, user: UserInfo): Ticket | Refusal;
}

export const READS_MAX = 400;
export const WRITES_MAX = 200;
const NO_HEADERS = Object.freeze({});
const REFUSAL: Refusal = { headers: NO_HEADERS, retryAfterSeconds: 1 };

export function createInflight({ readsMax = READS_MAX, writesMax = WRITES_MAX }: InflightOptions): Inflight {
  const counts = { reads: 0, writes: 0 };
  const tickets = { reads: ticketOf(counts, 'reads'), writes: ticketOf(counts, 'writes') };
  const limits = { reads: readsMax, writes: writesMax };
  return {
    enter(info, user) {
      const kind = isRead(info) ? 'reads' : 'writes';
      const max = limits[kind];
      if (max > 0 && counts[kind] >= max && !user.groups.includes(MASTERS_GROUP)) return REFUSAL;
      counts[kind]++;
      return tickets[kind];
    },
  };
}

function ticketOf(counts: { reads: number; writes: number }, kind: 'reads' | 'writes'): Ticket {
  return { headers: NO_HEADERS, leave: () => void counts[kind]-- };
}

export function isRead({ verb }: RequestInfo): boolean {
  return verb === 'get' || verb === 'list' || verb === 'watch';
}
