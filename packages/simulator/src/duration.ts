/** Durations as Go and Kubernetes write them. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of `90s`, `1h30m`, `250ms`, `2d`; a number is milliseconds already. Throws on anything else. */
export function durationMs(text: string | number): number {
  if (typeof text === 'number') return text;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)];
  const length = parts.reduce((sum, [all]) => sum + all.length, 0);
  if (parts.length === 0 || length !== text.length)
    throw new Error(`${JSON.stringify(text)} is no duration: write it as 90s, 1h30m or 250ms`);
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit as string] as number), 0);
}
