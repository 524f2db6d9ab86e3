/** What `kapella up` needs of the machine, as small steps that the command line prints, asks for and runs. */
import type { Ctx } from '@kapella/base';

/** One line of progress for a terminal: a package being unpacked, a process being waited for. */
export type Progress = (text: string) => void;

export interface HostStep {
  /** Short and constant: `debian-packages`. The `step` of a JSON line. */
  readonly name: string;
  /** Why a node needs it, one sentence for a user. */
  readonly why: string;
  /** True when nothing is to be done. Never changes the machine; quick enough to run at every `up`. */
  check(ctx: Ctx): Promise<boolean>;
  /** What `apply` would do now, a line each: the commands and files, as the user would write them. */
  plan(ctx: Ctx): Promise<readonly string[]>;
  /** Does it. Idempotent. Throws HostError when it cannot. */
  apply(ctx: Ctx, progress: Progress): Promise<void>;
}

/** The family of a failure; the command line maps each to an exit code. */
export type HostErrorReason =
  | 'NotRoot'
  | 'MissingPackage'
  | 'CommandFailed'
  | 'RuntimeFailed'
  | 'Unsupported'
  | 'Timeout';

/** The machine could not give what was needed: one line that says what, and one that says what to do. */
export class HostError extends Error {
  override readonly name = 'HostError';
  readonly reason: HostErrorReason;
  /** What the user can do, a command where there is one. */
  readonly fix: string;

  constructor(reason: HostErrorReason, message: string, fix: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.fix = fix;
  }
}
