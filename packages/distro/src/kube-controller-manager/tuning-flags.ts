/** Flags that tune controllers: each field of the table of @kapella/controllers is the flag of its name. */
import { DEFAULT_TUNING, type Tuning } from '@kapella/controllers';
import { CliError } from '@kapella/cli';
import { booleanFlag, durationFlagMs, type FlagValues } from '../drop-in/flags.ts';

const FIELDS = Object.keys(DEFAULT_TUNING) as (keyof Tuning)[];

/** `nodeMonitorPeriodMs`: `node-monitor-period`. */
const flagOf = (field: string): string =>
  field.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export const TUNING_FLAGS: readonly string[] = FIELDS.map(flagOf);

/** Throws CliError Usage. */
export function tuningFlags(flags: FlagValues): Tuning {
  const given = FIELDS.filter((field) => flags.has(flagOf(field)));
  const changed = given.map((field) => [field, readField(field, flags)] as const);
  return { ...DEFAULT_TUNING, ...Object.fromEntries(changed) };
}

function readField(field: keyof Tuning, flags: FlagValues): number | boolean | undefined {
  const flag = flagOf(field);
  if (typeof DEFAULT_TUNING[field] === 'boolean') return booleanFlag(flags, flag);
  const text = flags.get(flag) ?? '';
  if (field.endsWith('Ms')) return durationFlagMs(flag, text);
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new CliError('Usage', `--${flag}: ${JSON.stringify(text)} is no number`, 'Give a number.');
}
