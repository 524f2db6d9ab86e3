/** What a command is to the command line: names, flags, help. Its work is loaded only when it is called. */

export interface FlagSpec {
  /** `--yes`; the key under which its value is found. */
  readonly flag: string;
  /** `-f` */
  readonly short?: string;
  /** Name of the value in the help; absent: the flag takes none and is `true`. */
  readonly value?: string;
  readonly help: string;
  /** Why a value is not acceptable; undefined when it is. */
  check?(value: string): string | undefined;
}

export interface Example {
  /** As typed, with `kapella`. */
  readonly line: string;
  readonly what: string;
}

export interface CommandSpec {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What follows the name: `[COMPONENT]`. */
  readonly usage?: string;
  /** Paragraphs of the command's own help, after the examples. */
  readonly description?: string;
  readonly examples: readonly Example[];
  readonly flags: readonly FlagSpec[];
  /** Arguments that are not flags; none when absent. */
  readonly args?: {
    readonly min: number;
    readonly max: number;
    /** What the first may be. */
    readonly first?: readonly string[];
  };
  /** Everything after the name belongs to another program. */
  readonly passThrough?: boolean;
}

/** Flags that were given, by their long name. */
export type GivenFlags = ReadonlyMap<string, string>;

export interface CommandLine {
  /** Undefined: `kapella` alone, or `kapella --help`. */
  readonly command: CommandSpec | undefined;
  readonly flags: GivenFlags;
  readonly args: readonly string[];
  readonly wantsHelp: boolean;
  readonly wantsVersion: boolean;
}
