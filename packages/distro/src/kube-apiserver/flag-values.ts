/** Values of upstream's flags as numbers, durations and booleans. */
import { parseGoDuration } from '@kapella/apiserver';
import { CliError } from '@kapella/cli';
import { type FlagValues, last } from './flags.ts';

/** Throws CliError Usage for what is no number or below `min`. */
export function numberOf(flags: FlagValues, name: string, otherwise: number, min = 0): number {
  const text = last(flags, name);
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= min) return value;
  throw new CliError(
    'Usage',
    `invalid argument ${JSON.stringify(text)} for "--${name}"`,
    `Give a number from ${min} on.`,
  );
}

/** Milliseconds of Go's `1h2m3.5s`. Throws CliError Usage. */
export function durationMsOf(flags: FlagValues, name: string, otherwiseMs: number): number {
  const text = last(flags, name);
  if (text === undefined) return otherwiseMs;
  const value = parseGoDuration(text);
  if (value !== undefined && value >= 0) return value;
  throw new CliError(
    'Usage',
    `invalid argument ${JSON.stringify(text)} for "--${name}"`,
    'Give a duration, as in 1m30s.',
  );
}

export function booleanOf(flags: FlagValues, name: string, otherwise: boolean): boolean {
  const text = last(flags, name);
  if (text === undefined) return otherwise;
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new CliError('Usage', `invalid argument ${JSON.stringify(text)} for "--${name}"`, 'Give true or false.');
}
