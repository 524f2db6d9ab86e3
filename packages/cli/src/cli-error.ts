/** Failures as a user of the command line meets them: one line that says what, one that says what to do. */

/** Exit code of each family of failure; scripts rely on them. */
export const EXIT_CODES = {
  /** The command ran and did not succeed. */
  Failed: 1,
  /** Bad flag, argument or configuration file. */
  Usage: 2,
  /** The machine lacks something: root, a package, a kernel feature, disk, a free port. */
  Host: 3,
  /** containerd or a Kapella process did not start or ended. */
  Runtime: 4,
  /** Waited as long as allowed for something that did not come. */
  Timeout: 5,
} as const;

export type ExitFamily = keyof typeof EXIT_CODES;

export class CliError extends Error {
  override readonly name = 'CliError';
  readonly family: ExitFamily;
  /** What the user can do, a command where there is one. */
  readonly fix: string;

  constructor(family: ExitFamily, message: string, fix: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.family = family;
    this.fix = fix;
  }
}
