/** What the work of a command is given. */
import type { Ctx } from '@kapella/base';
import type { GivenFlags, GivenOptions, Reporter } from '@kapella/cli';
import type { Program } from '../../cluster/node/program.ts';

export interface CommandInput {
  readonly flags: GivenFlags;
  /** Options of the cluster that were given by flag or configuration file. Paths are absolute. */
  readonly given: GivenOptions;
  readonly args: readonly string[];
  readonly reporter: Reporter;
  readonly program: Program;
}

/** Returns the exit code. */
export type Command = (input: CommandInput, ctx: Ctx) => Promise<number>;
