/** Splits what was typed into command, flags and arguments; what is not known is refused with the word that was meant. */
import { CliError } from './cli-error.ts';
import type { CommandLine, CommandSpec, FlagSpec } from './command.ts';
import { nearest } from './suggest.ts';

const HELP = new Set(['--help', '-h']);
const VERSION = new Set(['--version', '-V']);

/**
 * `words` without program name. `common` are flags of every command, which may also stand before its name.
 * Throws CliError Usage.
 */
export function parseCommandLine(
  words: readonly string[],
  commands: readonly CommandSpec[],
  common: readonly FlagSpec[],
): CommandLine {
  const state: State = { flags: new Map(), args: [], wantsHelp: false, wantsVersion: false };
  let at = readFlags(words, 0, common, undefined, state, true);
  const name = words[at];
  if (name === undefined) return { command: undefined, ...state };
  if (name === 'help') return helpFor(words[at + 1], commands, state);
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) throw unknownCommand(name, commands);
  at += 1;
  if (command.passThrough === true) return { command, ...state, args: words.slice(at) };
  readFlags(words, at, [...command.flags, ...common], command, state, false);
  if (!state.wantsHelp) checkArgs(command, state.args);
  return { command, ...state };
}

interface State {
  readonly flags: Map<string, string>;
  readonly args: string[];
  wantsHelp: boolean;
  wantsVersion: boolean;
}

function helpFor(name: string | undefined, commands: readonly CommandSpec[], state: State): CommandLine {
  if (name === undefined) return { command: undefined, ...state, wantsHelp: true };
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) throw unknownCommand(name, commands);
  return { command, ...state, wantsHelp: true };
}

/** Reads from `at` on; stops at the first argument when `untilArgument`. Returns where it stopped. */
function readFlags(
  words: readonly string[],
  at: number,
  specs: readonly FlagSpec[],
  command: CommandSpec | undefined,
  state: State,
  untilArgument: boolean,
): number {
  let index = at;
  for (; index < words.length; index++) {
    const word = words[index] as string;
    if (word === '--') {
      state.args.push(...words.slice(index + 1));
      return words.length;
    }
    if (!word.startsWith('-') || word === '-') {
      if (untilArgument) return index;
      state.args.push(word);
      continue;
    }
    if (HELP.has(word)) state.wantsHelp = true;
    else if (VERSION.has(word) && command === undefined) state.wantsVersion = true;
    else index += readFlag(word, words[index + 1], specs, command, state);
  }
  return index;
}

/** Returns how many further words belong to the flag. */
function readFlag(
  word: string,
  next: string | undefined,
  specs: readonly FlagSpec[],
  command: CommandSpec | undefined,
  state: State,
): 0 | 1 {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word : word.slice(0, equals);
  const spec = specs.find((candidate) => candidate.flag === name || candidate.short === name);
  if (spec === undefined) throw unknownFlag(name, specs, command);
  if (spec.value === undefined) {
    if (equals >= 0) throw new CliError('Usage', `${spec.flag} takes no value`, `Write ${spec.flag} alone.`);
    state.flags.set(spec.flag, 'true');
    return 0;
  }
  const value = equals >= 0 ? word.slice(equals + 1) : next;
  if (value === undefined) {
    throw new CliError('Usage', `${spec.flag} needs a value`, `Write ${spec.flag} ${spec.value}: ${spec.help}.`);
  }
  const problem = spec.check?.(value);
  if (problem !== undefined) {
    throw new CliError(
      'Usage',
      `${spec.flag} ${JSON.stringify(value)}: ${problem}`,
      `Give ${spec.flag} ${spec.value}.`,
    );
  }
  state.flags.set(spec.flag, value);
  return equals >= 0 ? 0 : 1;
}

function unknownCommand(name: string, commands: readonly CommandSpec[]): CliError {
  const near = nearest(
    name,
    commands.map((command) => command.name),
  );
  const fix = near === undefined ? '`kapella --help` lists the commands.' : `Did you mean \`kapella ${near}\`?`;
  return new CliError('Usage', `unknown command "${name}"`, fix);
}

function unknownFlag(name: string, specs: readonly FlagSpec[], command: CommandSpec | undefined): CliError {
  const near = nearest(
    name,
    specs.map((spec) => spec.flag),
  );
  const what = command === undefined ? `unknown flag ${name}` : `unknown flag ${name} for ${command.name}`;
  const help = command === undefined ? 'kapella --help' : `kapella ${command.name} --help`;
  return new CliError('Usage', what, near === undefined ? `\`${help}\` lists the flags.` : `Did you mean ${near}?`);
}

function checkArgs(command: CommandSpec, args: readonly string[]): void {
  const { min, max, first } = command.args ?? { min: 0, max: 0 };
  const [head, ...rest] = args;
  const usage = `Usage: kapella ${command.name}${command.usage === undefined ? '' : ` ${command.usage}`}`;
  if (head !== undefined && max === 0)
    throw new CliError('Usage', `${command.name} takes no argument: "${head}"`, usage);
  if (head !== undefined && first !== undefined && !first.includes(head)) {
    const near = nearest(head, first);
    const fix = near === undefined ? `There are: ${first.join(', ')}.` : `Did you mean ${near}?`;
    throw new CliError('Usage', `${command.name}: unknown "${head}"`, fix);
  }
  if (args.length < min) throw new CliError('Usage', `${command.name} needs more: ${command.usage ?? ''}`, usage);
  if (args.length > max)
    throw new CliError('Usage', `${command.name} takes no further argument: "${rest.at(-1)}"`, usage);
}
