/** Suites whose cases are written here: what a user of somebody else's program does, step by step. */
import type { SuiteResult } from './suite.ts';

/** A case passes when `run` resolves. Cases run in order on one control plane and clean up after themselves. */
export interface Case<Context> {
  readonly name: string;
  run(context: Context): Promise<void>;
}

/** Every case is run, whatever became of those before it. `only`: a regular expression on names. */
export async function runCases<Context>(
  cases: readonly Case<Context>[],
  context: Context,
  only: string | undefined,
): Promise<SuiteResult> {
  const wanted = only === undefined ? cases : cases.filter(({ name }) => new RegExp(only).test(name));
  if (wanted.length === 0) throw new Error(`no case matches ${only}`);
  const failures: { name: string; why: string }[] = [];
  for (const { name, run } of wanted) {
    const start = performance.now();
    const why = await run(context).then(() => undefined, explain);
    if (why !== undefined) failures.push({ name, why });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    process.stdout.write(`${why === undefined ? '✔' : '✖'} ${name} (${seconds} s)\n`);
  }
  return { passed: wanted.length - failures.length, failures };
}

/** An error with its chain of causes. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${explain(error.cause)}`;
}
