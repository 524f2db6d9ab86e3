/** `npm run sim -- --seed N [--scenario NAME --hours H --log FILE --seeds COUNT --plan FILE]`. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mutations, type Plan, planOf, type RunResult, runPlan, scenarios, shrink } from '../index.ts';
import { nightly } from './nightly.ts';
import { hostTurn } from './turn.ts';

const SHRINK_RUNS_MAX = 60;
const FLUSH_BYTES = 1 << 16;

export interface Replay extends RunResult {
  /** SHA-256 of the log, in hex. */
  readonly hash: string;
  readonly realMs: number;
}

/** `logFile`: also written there. */
export async function replay(plan: Plan, logFile?: string): Promise<Replay> {
  const startMs = performance.now();
  const hash = createHash('sha256');
  const file = logFile === undefined ? undefined : openSync(logFile, 'w');
  let waiting = '';
  const flush = () => {
    hash.update(waiting);
    if (file !== undefined) writeSync(file, waiting);
    waiting = '';
  };
  const log = (line: string) => {
    waiting += `${line}\n`;
    if (waiting.length > FLUSH_BYTES) flush();
  };
  const result = await runPlan(plan, { turn: hostTurn, log });
  flush();
  if (file !== undefined) closeSync(file);
  return { ...result, hash: hash.digest('hex'), realMs: performance.now() - startMs };
}

const USAGE = `usage: npm run sim -- --seed N [--seeds COUNT] [--scenario NAME] [--hours H] [--log FILE] [--plan FILE]
       npm run sim -- --mutations [NAME...]
       npm run sim -- --nightly [--minutes M] [--seed N]
scenarios: ${scenarios.map(({ name, text }) => `${name} (${text})`).join(', ')}
`;

const TEXT = { type: 'string' } as const;
const OPTIONS = { seed: TEXT, seeds: TEXT, scenario: TEXT, hours: TEXT, log: TEXT, plan: TEXT } as const;

interface SimRequest {
  readonly plans: readonly Plan[];
  readonly logFile: string | undefined;
}

/** Throws an Error that says what cannot be understood. */
function readRequest(args: readonly string[]): SimRequest {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const number = (name: string, text: string | undefined, fallback: number) => {
    const value = Number(text ?? fallback);
    if (Number.isFinite(value) && value > 0) return value;
    throw new Error(`--${name} ${text}: give a number above 0`);
  };
  const logFile = values.log;
  if (values.plan !== undefined) return { plans: [JSON.parse(readFileSync(values.plan, 'utf8')) as Plan], logFile };
  const first = number('seed', values.seed, 1);
  const hours = values.hours === undefined ? undefined : number('hours', values.hours, 1);
  const seeds = Array.from({ length: number('seeds', values.seeds, 1) }, (_, i) => first + i);
  return { plans: seeds.map((seed) => planOf(values.scenario ?? 'mixed', seed, hours)), logFile };
}

/** Exit code: 0 when nothing was violated, 1 when something was, 2 for what cannot be understood. */
export async function simCommand(args: readonly string[], write: (text: string) => void): Promise<number> {
  if (args[0] === '--nightly') return nightly(args.slice(1), write, runOne);
  if (args[0] === '--mutations') return plantBugs(args.slice(1), write);
  let request: SimRequest;
  try {
    request = readRequest(args);
  } catch (error) {
    write(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
  let failures = 0;
  for (const plan of request.plans) if (!(await runOne(plan, request.logFile, write))) failures++;
  return failures === 0 ? 0 : 1;
}

/** Plants each bug, or those named, and tells which were noticed. Exit code 1 when one was not. */
async function plantBugs(names: readonly string[], write: (text: string) => void): Promise<number> {
  let missed = 0;
  for (const mutation of mutations) {
    if (names.length > 0 && !names.includes(mutation.name)) continue;
    const { violations } = await runPlan(planOf('planted', 1), { turn: hostTurn, mutation });
    const caught = violations.find(({ checker }) => mutation.caughtBy.includes(checker));
    if (caught === undefined) missed++;
    write(`${caught === undefined ? 'MISSED' : 'caught'} ${mutation.name}: ${caught?.message ?? 'nobody noticed'}\n`);
  }
  return missed === 0 ? 0 : 1;
}

async function runOne(plan: Plan, logFile: string | undefined, write: (text: string) => void): Promise<boolean> {
  const done = await replay(plan, logFile);
  const virtual = `${(done.virtualMs / 3_600_000).toFixed(2)} h virtual`;
  const line = `seed ${plan.seed} hash ${done.hash}, ${virtual}, ${(done.realMs / 1000).toFixed(1)} s real\n`;
  if (done.violations.length === 0) {
    write(line);
    return true;
  }
  for (const { checker, message, atMs } of done.violations.slice(0, 5))
    write(`violated ${checker} at ${atMs} ms: ${message}\n`);
  const shortest = await shrink(done, { run: (next) => runPlan(next, { turn: hostTurn }), runsMax: SHRINK_RUNS_MAX });
  write(`shortest plan found (npm run sim -- --plan FILE):\n${JSON.stringify(shortest.plan)}\n`);
  write(line);
  return false;
}
