/** Help texts: examples first, since most who ask want a line to copy. */
import type { CommandSpec, Example, FlagSpec } from './command.ts';

export interface ProgramHelp {
  readonly summary: string;
  readonly examples: readonly Example[];
  readonly commands: readonly CommandSpec[];
  readonly common: readonly FlagSpec[];
}

export function programHelp({ summary, examples, commands, common }: ProgramHelp): string {
  return [
    summary,
    '',
    'Examples:',
    ...exampleLines(examples),
    '',
    'Commands:',
    ...columns(commands.map(({ name, summary: text }) => [name, text])),
    '',
    'Flags of every command:',
    ...flagLines(common),
    '',
    'Each command has help with examples of its own: kapella COMMAND --help',
    '',
  ].join('\n');
}

export function commandHelp(command: CommandSpec, common: readonly FlagSpec[]): string {
  const own = command.flags.length === 0 ? [] : ['', 'Flags:', ...flagLines(command.flags)];
  const usage = command.usage === undefined ? '' : ` ${command.usage}`;
  return [
    command.summary,
    '',
    'Examples:',
    ...exampleLines(command.examples),
    '',
    `Usage: kapella ${command.name}${usage}${command.flags.length === 0 ? '' : ' [FLAGS]'}`,
    ...(command.description === undefined ? [] : ['', command.description]),
    ...own,
    '',
    'Flags of every command:',
    ...flagLines(common),
    '',
  ].join('\n');
}

const exampleLines = (examples: readonly Example[]) => columns(examples.map(({ line, what }) => [line, `# ${what}`]));

const flagLines = (flags: readonly FlagSpec[]) =>
  columns(
    flags.map(({ flag, short, value, help }) => [
      `${short === undefined ? '' : `${short}, `}${flag}${value === undefined ? '' : ` ${value}`}`,
      help,
    ]),
  );

/** A left column so wide that one overlong entry does not push all others away. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(46, Math.max(...rows.map(([left]) => left.length)));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
