/** What a driver answers when it refuses. Source: CSI specification, Error Scheme. */

/** Numbers of gRPC. */
export const CSI_CODES = {
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

export type CsiCode = keyof typeof CSI_CODES;

export class CsiError extends Error {
  override readonly name = 'CsiError';
  readonly code: CsiCode;
  /** The driver's words alone. */
  readonly description: string;

  constructor(code: CsiCode, description: string) {
    super(`rpc error: code = ${code} desc = ${description}`);
    this.code = code;
    this.description = description;
  }
}

export function csiCodeOf(code: number | undefined): CsiCode {
  const found = Object.entries(CSI_CODES).find(([, number]) => number === code);
  return (found?.[0] as CsiCode | undefined) ?? 'Unknown';
}

const UNDECIDED: ReadonlySet<CsiCode> = new Set([
  'Canceled',
  'DeadlineExceeded',
  'Unavailable',
  'ResourceExhausted',
  'Aborted',
]);

/** The call is over and did nothing; other errors leave open whether it is still at work. Source: kubernetes pkg/volume/csi. */
export const isFinalError = (error: unknown): boolean => !(error instanceof CsiError) || !UNDECIDED.has(error.code);
