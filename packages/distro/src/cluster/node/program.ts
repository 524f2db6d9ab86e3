/** What the command line knows of the process it runs in; read once, in commands/node/main.ts. */

export interface Program {
  /** The Node that runs this, and the script it runs: how further processes are started. */
  readonly execPath: string;
  readonly script: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Both ends are a terminal: questions can be asked. */
  readonly isInteractive: boolean;
  readonly json: boolean;
  write(text: string): void;
  writeError(text: string): void;
  /** One line typed by the user. */
  ask(question: string): Promise<string>;
}
