/** The way of one call: words, flags, configuration file, command, exit code. The only reader of argv, env and terminal. */
import { readFileSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Ctx, createLogger, silentLogger } from '@kapella/base';
import { createJsonLogger, hostCtx } from '@kapella/base/node';
import {
  CliError,
  commandHelp,
  createReporter,
  type GivenFlags,
  type GivenOptions,
  OPTION_SPECS,
  parseCommandLine,
  programHelp,
  STORE_FILE_FIELDS,
} from '@kapella/cli';
import type { Program } from '../../cluster/node/program.ts';
import { BEFORE_COMMAND_FLAGS, COMMANDS, COMMON_FLAGS, PROGRAM_EXAMPLES, PROGRAM_SUMMARY } from '../specs.ts';
import { reportFailure } from './failure.ts';
import { COMMAND_WORK } from './table.ts';

const EXIT_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** These end by signal as they are meant to. */
const FOREGROUND = new Set(['server', 'node', 'logs', 'kube-scheduler', 'kube-controller-manager']);

export async function main(): Promise<void> {
  const words = process.argv.slice(2);
  // Known before the words are understood, so that a program also reads why they were not.
  const json = wantsJson(words);
  const program = readProgram(json);
  const stopped = new AbortController();
  let signalled: keyof typeof EXIT_BY_SIGNAL | undefined;
  for (const signal of Object.keys(EXIT_BY_SIGNAL) as (keyof typeof EXIT_BY_SIGNAL)[]) {
    process.on(signal, () => {
      if (signalled !== undefined && signal === 'SIGINT') process.exit(EXIT_BY_SIGNAL.SIGINT); // asked twice
      signalled = signal;
      stopped.abort(new CliError('Failed', `stopped by ${signal}`, 'Run it again; it goes on where it was.'));
    });
  }
  let name: string | undefined;
  try {
    const line = parseCommandLine(words, COMMANDS, words.length === 0 ? COMMON_FLAGS : BEFORE_COMMAND_FLAGS);
    name = line.command?.name;
    process.exitCode = await run(line, program, stopped.signal);
  } catch (error) {
    const isWanted = signalled !== undefined && name !== undefined && FOREGROUND.has(name);
    process.exitCode = isWanted ? 0 : reportFailure(error, program);
    if (!isWanted && signalled !== undefined) process.exitCode = EXIT_BY_SIGNAL[signalled];
  }
  // Sockets that are kept alive, and timers of libraries, must not hold the program.
  flushAndExit();
}

async function run(line: ReturnType<typeof parseCommandLine>, program: Program, signal: AbortSignal): Promise<number> {
  const { command, flags, args } = line;
  if (line.wantsVersion) return call('version', { flags, args: [], given: {}, program }, signal);
  if (command === undefined) {
    const help = { summary: PROGRAM_SUMMARY, examples: PROGRAM_EXAMPLES, commands: COMMANDS, common: COMMON_FLAGS };
    program.write(programHelp(help));
    return 0;
  }
  if (line.wantsHelp) {
    program.write(commandHelp(command, COMMON_FLAGS));
    return 0;
  }
  return call(command.name, { flags, args, given: await givenOptions(flags, program), program }, signal);
}

interface Call {
  readonly flags: GivenFlags;
  readonly args: readonly string[];
  readonly given: GivenOptions;
  readonly program: Program;
}

async function call(name: string, input: Call, signal: AbortSignal): Promise<number> {
  const load = COMMAND_WORK.get(name);
  if (load === undefined) throw new Error(`no work for the command ${name}`);
  const work = await load();
  const { program } = input;
  const reporter = createReporter({
    json: program.json,
    isTerminal: process.stdout.isTTY === true,
    write: program.write,
    monotonicMs: () => performance.now(),
  });
  return work({ ...input, reporter }, commandCtx(name, input.flags, program, signal));
}

/** Server and node log everything as JSON lines; other commands only what a user should know. */
function commandCtx(name: string, flags: GivenFlags, program: Program, signal: AbortSignal): Ctx {
  const level = flags.get('--log-level') as 'info' | undefined;
  if (FOREGROUND.has(name) && name !== 'logs')
    return hostCtx(signal, createJsonLogger(level ?? 'info', program.writeError));
  if (program.json) return hostCtx(signal, silentLogger);
  const warnings = createLogger(({ level: of, event, fields }) => {
    if (of === 'warn' || of === 'error') program.writeError(`  ${event}: ${JSON.stringify(fields)}\n`);
  });
  return hostCtx(signal, warnings);
}

/** Flags win over the file. */
async function givenOptions(flags: GivenFlags, program: Program): Promise<GivenOptions> {
  const given: GivenOptions = {};
  const file = flags.get('--config');
  if (file !== undefined) {
    const { parseConfigFile } = await import('@kapella/cli/config-file');
    Object.assign(given, parseConfigFile(readConfig(resolve(program.cwd, file), file), file));
  }
  for (const { field, flag } of OPTION_SPECS) {
    const value = flags.get(flag);
    if (value !== undefined) given[field] = value;
  }
  for (const field of ['dataDir', 'schedulerConfig', 'kubeletConfig', ...STORE_FILE_FIELDS] as const) {
    const path = given[field];
    if (path !== undefined && path !== '') given[field] = resolve(program.cwd, path);
  }
  return given;
}

function readConfig(path: string, shown: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError('Usage', `--config ${shown} cannot be read (${code})`, 'Give the path of a file.', cause);
  }
}

/** Also for words that are not understood. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf('kubectl');
  const own = end < 0 ? words : words.slice(0, end);
  const at = own.findLastIndex((word) => word === '--output' || word === '-o' || word.startsWith('--output='));
  return at >= 0 && (own[at] === '--output=json' || own[at + 1] === 'json');
}

function readProgram(json: boolean): Program {
  return {
    execPath: process.execPath,
    script: realpathSync(process.argv[1] as string),
    cwd: process.cwd(),
    env: process.env,
    isInteractive: process.stdin.isTTY === true && process.stdout.isTTY === true,
    json,
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    async ask(question) {
      const { createInterface } = await import('node:readline/promises');
      const reader = createInterface({ input: process.stdin, output: process.stdout });
      try {
        return await reader.question(question);
      } finally {
        reader.close();
      }
    },
  };
}

/** What is still on its way into a pipe is written first. */
function flushAndExit(): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}
