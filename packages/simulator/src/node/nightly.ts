/** `npm run sim -- --nightly`: fresh seeds of every scenario that has faults, one after another, until the time is over. */
import { parseArgs } from 'node:util';
import { type Plan, planOf } from '../index.ts';

const SCENARIOS = ['mixed', 'storm'];
const MINUTES = 480;
/** Seeds of one night do not meet those of another. */
const SEEDS_A_NIGHT = 100_000;
const DAY_MS = 86_400_000;

type RunOne = (plan: Plan, logFile: string | undefined, write: (text: string) => void) => Promise<boolean>;

/** Exit code: 0 when no seed failed, 1 when one did (its shortest plan is printed), 2 for what cannot be understood. */
export async function nightly(args: readonly string[], write: (text: string) => void, runOne: RunOne): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
  const minutes = Number(values.minutes ?? MINUTES);
  const first = Number(values.seed ?? Math.floor(Date.now() / DAY_MS) * SEEDS_A_NIGHT);
  if (!(minutes > 0) || !Number.isSafeInteger(first) || first < 1) {
    write('--minutes and --seed are numbers above 0\n');
    return 2;
  }
  const untilMs = performance.now() + minutes * 60_000;
  const failed: string[] = [];
  let runs = 0;
  for (let seed = first; performance.now() < untilMs; seed++) {
    for (const name of SCENARIOS) {
      // A line a seed would be a long night's reading: those that fail are told whole.
      const told: string[] = [];
      const isFine = await runOne(planOf(name, seed), undefined, (text) => told.push(text));
      runs++;
      if (isFine) continue;
      failed.push(`${name} ${seed}`);
      write(told.join(''));
    }
  }
  write(`${runs} runs from seed ${first}: ${failed.length === 0 ? 'none failed' : `failed: ${failed.join(', ')}`}\n`);
  return failed.length === 0 ? 0 : 1;
}
