/** One error type for the whole API: `metav1.Status`. Source: apimachinery/pkg/api/errors and metav1.StatusReason. */

/** HTTP code of each `metav1.StatusReason`. */
export const REASON_CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  StoreReadError: 500,
  ServiceUnavailable: 503,
  ServerTimeout: 500,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof REASON_CODES;

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** The wire form of an error, `v1.Status`. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: object;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

export interface ApiErrorOptions {
  readonly details?: StatusDetails;
  /** HTTP code where it is not the one of the reason. */
  readonly code?: number;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly reason: StatusReason | string;
  readonly code: number;
  readonly details: StatusDetails | undefined;

  constructor(reason: StatusReason | (string & {}), message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = options.code ?? (REASON_CODES as Record<string, number>)[reason] ?? 500;
    this.details = options.details;
  }

  /** The response body of this error. */
  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }

  static fromStatus(status: Partial<Status>): ApiError {
    return new ApiError(status.reason ?? '', status.message ?? 'the server answered with an error', {
      ...(status.details === undefined ? {} : { details: status.details }),
      code: status.code ?? 500,
    });
  }
}

export function isReason(error: unknown, ...reasons: readonly (StatusReason | (string & {}))[]): error is ApiError {
  // By name: an error of another copy of this library, bundled into another package, counts too.
  return error instanceof Error && error.name === 'ApiError' && reasons.includes((error as ApiError).reason);
}

/** `pods` or `deployments.apps`: how messages name a resource. */
export function groupResource(group: string, resource: string): string {
  return group === '' ? resource : `${resource}.${group}`;
}

export interface ResourceName {
  readonly group: string;
  /** Plural; upstream's `details.kind` holds it too. */
  readonly resource: string;
  readonly name: string;
}

const detailsOf = (id: ResourceName): StatusDetails => ({
  name: id.name,
  ...(id.group === '' ? {} : { group: id.group }),
  kind: id.resource,
});

/** Constructors with upstream's wording, on which clients match. */
export const errors = {
  notFound: (id: ResourceName) =>
    new ApiError('NotFound', `${groupResource(id.group, id.resource)} "${id.name}" not found`, {
      details: detailsOf(id),
    }),
  alreadyExists: (id: ResourceName) =>
    new ApiError('AlreadyExists', `${groupResource(id.group, id.resource)} "${id.name}" already exists`, {
      details: detailsOf(id),
    }),
  conflict: (id: ResourceName, why: string) =>
    new ApiError(
      'Conflict',
      `Operation cannot be fulfilled on ${groupResource(id.group, id.resource)} "${id.name}": ${why}`,
      { details: detailsOf(id) },
    ),
  forbidden: (id: ResourceName, why: string) =>
    new ApiError(
      'Forbidden',
      id.name === ''
        ? `${groupResource(id.group, id.resource)} is forbidden: ${why}`
        : `${groupResource(id.group, id.resource)} "${id.name}" is forbidden: ${why}`,
      { details: detailsOf(id) },
    ),
  badRequest: (message: string) => new ApiError('BadRequest', message),
  expired: (message: string) => new ApiError('Expired', message),
  internal: (message: string, cause?: unknown) =>
    new ApiError('InternalError', `Internal error occurred: ${message}`, {
      details: { causes: [{ message }] },
      cause,
    }),
} as const;
