/** Flags of upstream's programs: which are honoured, which change nothing here, and what is wrong in upstream's words. */
import { parseDurationMs } from '@kapella/api';
import { CliError, nearest } from '@kapella/cli';

export interface ProgramFlags {
  /** As in upstream's error: `kube-scheduler`. */
  readonly program: string;
  readonly honoured: readonly string[];
  /** Tuning of what is built otherwise here, or of what is always so. */
  readonly withoutEffect: readonly string[];
  /** Those that may stand without a value. */
  readonly booleans: ReadonlySet<string>;
  /** Head of the help text: what it is, examples. */
  readonly help: readonly string[];
}

/** The last value of each flag. */
export type FlagValues = ReadonlyMap<string, string>;

/** `--flag=value`, `--flag value`, booleans also alone. Throws CliError Usage in upstream's words for unknown ones. */
export function parseProgramFlags(of: ProgramFlags, words: readonly string[]): FlagValues {
  const values = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const { name, value } = readWord(of, words[i] as string);
    const needsNext = value === undefined && !of.booleans.has(name);
    if (needsNext && words[i + 1] === undefined) {
      throw new CliError('Usage', `flag needs an argument: --${name}`, helpHint(of));
    }
    values.set(name, value ?? (needsNext ? (words[++i] as string) : 'true'));
  }
  return values;
}

const helpHint = ({ program }: ProgramFlags) => `${program} --help lists the flags.`;

function readWord(of: ProgramFlags, word: string): { readonly name: string; readonly value: string | undefined } {
  const match = /^-{1,2}([^=]+)(?:=([\s\S]*))?$/.exec(word);
  const name = match?.[1] ?? '';
  if (match === null) {
    throw new CliError('Usage', `unknown command ${JSON.stringify(word)} for "${of.program}"`, helpHint(of));
  }
  const known = [...of.honoured, ...of.withoutEffect];
  if (known.includes(name)) return { name, value: match[2] };
  const near = nearest(name, known);
  throw new CliError('Usage', `unknown flag: --${name}`, near === undefined ? helpHint(of) : `Did you mean --${near}?`);
}

/** Names of the given flags that change nothing here, sorted. */
export function idleFlags({ withoutEffect }: ProgramFlags, flags: FlagValues): readonly string[] {
  return [...flags.keys()].filter((name) => withoutEffect.includes(name)).sort();
}

export function programHelp({ help, honoured, withoutEffect }: ProgramFlags): string {
  const rows = (names: readonly string[]) => names.toSorted().map((name) => `  --${name}`);
  return [
    ...help,
    '',
    ...['Honoured:', ...rows(honoured)],
    '',
    ...['Taken without effect:', ...rows(withoutEffect)],
    '',
  ].join('\n');
}

/** A duration as Go writes it. Throws CliError Usage. */
export function durationFlagMs(name: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms;
  throw new CliError('Usage', `--${name}: ${JSON.stringify(text)} is no duration`, 'Write it as 15s or 1m30s.');
}

/** Undefined where the flag is not given. Throws CliError Usage. */
export function numberFlag(flags: FlagValues, name: string): number | undefined {
  const text = flags.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new CliError('Usage', `--${name}: ${JSON.stringify(text)} is no number`, 'Give a number, 0 or more.');
}

/** Undefined where the flag is not given. Throws CliError Usage. */
export function booleanFlag(flags: FlagValues, name: string): boolean | undefined {
  const text = flags.get(name);
  if (text === undefined) return undefined;
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new CliError('Usage', `--${name}: ${JSON.stringify(text)} is neither true nor false`, 'Give true or false.');
}

/** How a component that is elected holds its lease: flags win over `defaults`. */
export function leaseFlags(
  flags: FlagValues,
  defaults: {
    readonly resourceNamespace: string;
    readonly resourceName: string;
    readonly leaseDuration: string;
    readonly renewDeadline: string;
    readonly retryPeriod: string;
  },
) {
  const flag = (name: string, value: string) => flags.get(`leader-elect-${name}`) ?? value;
  const ms = (name: string, value: string) => durationFlagMs(`leader-elect-${name}`, flag(name, value));
  return {
    namespace: flag('resource-namespace', defaults.resourceNamespace),
    name: flag('resource-name', defaults.resourceName),
    leaseDurationMs: ms('lease-duration', defaults.leaseDuration),
    renewDeadlineMs: ms('renew-deadline', defaults.renewDeadline),
    retryPeriodMs: ms('retry-period', defaults.retryPeriod),
  };
}
