/** What etcd refuses, as an API error that says what, why and what to do. Source: etcd api/v3rpc/rpctypes. */
import { status } from '@grpc/grpc-js';
import { ApiError } from '@kapella/base';

interface GrpcFailure {
  readonly code?: number;
  readonly details?: string;
  readonly message?: string;
}

export const detailsOf = (error: unknown): string =>
  (error as GrpcFailure).details ?? (error as GrpcFailure).message ?? String(error);

const codeOf = (error: unknown): number => (error as GrpcFailure).code ?? status.UNKNOWN;

/** Another endpoint, or the same one later, may answer: no connection, no leader, a new leader, a server that stopped. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED) return true;
  if (code === status.RESOURCE_EXHAUSTED) return detailsOf(error).includes('too many requests');
  return (code === status.INTERNAL || code === status.CANCELLED) && /RST_STREAM|ECONN|stream/i.test(detailsOf(error));
}

/** The token is old, or from before the cluster's users changed. Nothing was carried out. */
export function needsLogin(error: unknown): boolean {
  const isOld = /revision of auth store is old|invalid auth token/.test(detailsOf(error));
  return isOld || codeOf(error) === status.UNAUTHENTICATED;
}

export function isCompacted(error: unknown): boolean {
  return detailsOf(error).includes('required revision has been compacted');
}

const NOSPACE_FIX =
  'etcd takes no more writes: its database has reached its quota. Compact and defragment it (etcdctl compact, ' +
  'etcdctl defrag), raise --quota-backend-bytes where that is too small, then clear the alarm (etcdctl alarm disarm)';

/** `text` of etcd's own error, its code, and what it is here: the first match wins. */
const MEANINGS: readonly (readonly [pattern: RegExp, reason: string, code: number, fix: string])[] = [
  [/database space exceeded/, 'InternalError', 500, NOSPACE_FIX],
  [/corrupt cluster/, 'InternalError', 500, 'etcd found its data damaged: restore the member from a snapshot'],
  [/request is too large/, 'RequestEntityTooLarge', 413, 'the object is larger than etcd takes (--max-request-bytes)'],
  [
    /message larger than max/,
    'RequestEntityTooLarge',
    413,
    'the object is larger than etcd takes (--max-request-bytes)',
  ],
  [/too many requests/, 'TooManyRequests', 429, 'etcd is behind with its work; try again later'],
  [
    /invalid user ID or password/,
    'InternalError',
    500,
    'give the etcd user and password that `etcdctl user add` was given',
  ],
  [/user name is empty/, 'InternalError', 500, 'etcd asks for a user: give --etcd-user and --etcd-password-file'],
  [
    /permission denied/,
    'InternalError',
    500,
    "grant the etcd user's role readwrite on the prefix of the cluster's keys",
  ],
];

/** `what` was tried, for the message. ApiErrors pass as they are. */
export function toApiError(error: unknown, what: string): ApiError {
  if (error instanceof ApiError) return error;
  const details = detailsOf(error);
  const known = MEANINGS.find(([pattern]) => pattern.test(details));
  if (known !== undefined) {
    const [, reason, code, fix] = known;
    return new ApiError(reason, `${details}: ${fix}`, { code, cause: error });
  }
  if (codeOf(error) === status.DEADLINE_EXCEEDED) {
    return new ApiError('Timeout', `etcd did not answer in time (${what}): ${details}`, { cause: error });
  }
  if (isTransient(error)) {
    const text = `no etcd endpoint answers (${what}): ${details}; check that the etcd members run and have a leader`;
    return new ApiError('ServiceUnavailable', text, { cause: error });
  }
  return new ApiError('InternalError', `etcd refused to ${what}: ${details}`, { cause: error });
}
