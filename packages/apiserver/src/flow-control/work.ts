/** How much of the server a request takes: seats, and for how long after its answer. Source: flowcontrol/request/. */
import { isTrue, type RequestInfo } from '../http/request-info.ts';

export interface WorkEstimate {
  /** While the request runs. */
  readonly initialSeats: number;
  /** After the answer, while watchers are told. */
  readonly finalSeats: number;
  readonly additionalMs: number;
}

export interface StoredStats {
  readonly objects: number;
  /** Bytes of one object, on average; 0: not known. */
  readonly objectBytes: number;
}

export interface WorkFacts {
  /** undefined: nothing is known of this resource. */
  statsOf(info: RequestInfo): StoredStats | undefined;
  watchersOf(info: RequestInfo): number;
  /** Seats that one request of the level may take at most; 0: no own limit. */
  readonly seatsMax: number;
}

export const ONE_SEAT: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalMs: 0 };
const LIST_SEATS_MAX = 100;
const WRITE_SEATS_MAX = 10;
const BYTES_PER_SEAT = 100_000;
/** A list from the cache is sent piece by piece. */
const CACHED_LIST_BYTES_MAX = 1_000_000;
const OBJECT_BYTES_MAX = 1_500_000;
const WATCHERS_PER_SEAT = 10;
const EVENT_MS = 5;

export function estimateWork(info: RequestInfo, query: URLSearchParams, facts: WorkFacts): WorkEstimate {
  switch (info.verb) {
    case 'list':
      return ofList(info, query, facts);
    case 'watch':
      return startsWithList(query) ? ofList(info, query, facts) : ONE_SEAT;
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return ofWrite(info, facts);
    default:
      return ONE_SEAT;
  }
}

function startsWithList(query: URLSearchParams): boolean {
  const revision = query.get('resourceVersion') ?? '';
  return isTrue(query.get('sendInitialEvents')) || revision === '' || revision === '0';
}

function ofList(info: RequestInfo, query: URLSearchParams, facts: WorkFacts): WorkEstimate {
  if (!info.isResource) return ONE_SEAT;
  const stats = facts.statsOf(info);
  if (stats === undefined) return ONE_SEAT;
  const limit = Number(query.get('limit') ?? '0');
  const counted = limit > 0 && limit < stats.objects ? limit : stats.objects;
  const objects = info.name === '' ? counted : 1;
  const bytes = stats.objectBytes <= 0 && stats.objects > 0 ? OBJECT_BYTES_MAX : stats.objectBytes;
  const seats = Math.ceil(Math.min(objects * bytes, CACHED_LIST_BYTES_MAX) / BYTES_PER_SEAT);
  const max = facts.seatsMax === 0 ? LIST_SEATS_MAX : Math.min(facts.seatsMax, LIST_SEATS_MAX);
  const initialSeats = Math.min(Math.max(seats, 1), max);
  return initialSeats === 1 ? ONE_SEAT : { initialSeats, finalSeats: 0, additionalMs: 0 };
}

function ofWrite(info: RequestInfo, facts: WorkFacts): WorkEstimate {
  if (!info.isResource || (info.resource === 'serviceaccounts' && info.subresource === 'token')) return ONE_SEAT;
  const watchers = facts.watchersOf(info);
  if (watchers < WATCHERS_PER_SEAT) return ONE_SEAT;
  const wanted = Math.ceil(watchers / WATCHERS_PER_SEAT);
  const max = facts.seatsMax === 0 ? WRITE_SEATS_MAX : Math.min(facts.seatsMax, WRITE_SEATS_MAX);
  const finalSeats = Math.min(wanted, max);
  return { initialSeats: 1, finalSeats, additionalMs: (wanted * EVENT_MS) / finalSeats };
}
