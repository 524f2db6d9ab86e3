/** One run: from a plan to what was violated. */
import { createSeededRandom } from '@kapella/base';
import type { Checker } from '../checkers/checker.ts';
import { checkers } from '../checkers/index.ts';
import { unsettled } from '../checkers/convergence.ts';
import { compareReads } from '../checkers/store.ts';
import { scenarios } from '../scenarios/index.ts';
import { beginFault } from './faults.ts';
import type { Mutation } from './mutation.ts';
import type { Plan } from './plan.ts';
import { type Violation, World } from './world.ts';
import { runStep } from './workload.ts';

/** Faults are over, everything must come to rest within this. */
const REST_MS_MAX = 15 * 60_000;
const LOOK_MS = 5_000;
const QUIET_LOOKS = 2;

export interface RunOptions {
  readonly turn: () => Promise<void>;
  readonly log?: (line: string) => void;
  readonly mutation?: Mutation;
}

export interface RunResult {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  readonly virtualMs: number;
}

/** The plan of a seed: the same for the same scenario, seed and hours. Throws when there is no such scenario. */
export function planOf(name: string, seed: number, hours?: number): Plan {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (scenario === undefined)
    throw new Error(`no scenario ${name}; there are ${scenarios.map((known) => known.name).join(', ')}`);
  return scenario.plan(seed, (hours ?? scenario.hours) * 3_600_000, createSeededRandom(seed));
}

/** Ends at the first violation. */
export async function runPlan(plan: Plan, { turn, log = () => {}, mutation }: RunOptions): Promise<RunResult> {
  const world = new World({
    seed: plan.seed,
    nodes: plan.nodes,
    turn,
    log,
    ...(mutation !== undefined && { mutation }),
  });
  try {
    await world.begin();
    const present = plan.actors === false ? checkers.filter(({ isActor }) => isActor !== true) : checkers;
    for (const checker of present) checker.watch?.(world);
    const startMs = world.nowMs;
    for (const step of plan.steps) world.clock.setTimer(step.atMs, () => runStep(step, world));
    for (const fault of [...plan.faults, ...(mutation?.faults ?? [])])
      world.clock.setTimer(fault.atMs, () => beginFault(fault, world));
    await advanceTo(startMs + plan.durationMs, world);
    if (world.violations.length === 0) await comeToRest(world, present);
  } finally {
    await world.end();
  }
  return { plan, violations: world.violations, virtualMs: world.nowMs };
}

async function advanceTo(atMs: number, world: World): Promise<void> {
  while (world.nowMs < atMs && world.violations.length === 0) {
    if (!(await world.clock.step(atMs - world.nowMs))) await world.clock.advance(atMs - world.nowMs);
  }
}

async function comeToRest(world: World, present: readonly Checker[]): Promise<void> {
  await advanceTo(world.nowMs + 40_000, world); // the last faults end
  world.log('faults over');
  world.network.clear();
  await world.startApi();
  const untilMs = world.nowMs + REST_MS_MAX;
  let left: string[] = [];
  for (let quiet = 0; quiet < QUIET_LOOKS && world.violations.length === 0; ) {
    await advanceTo(world.nowMs + LOOK_MS, world);
    left = unsettled(world);
    quiet = left.length === 0 ? quiet + 1 : 0;
    if (world.nowMs >= untilMs) {
      world.violate(
        'convergence',
        `after ${REST_MS_MAX / 60_000} minutes without faults: ${left.slice(0, 5).join('; ')}`,
      );
    }
  }
  if (world.violations.length > 0) return;
  world.isAtRest = true;
  await advanceTo(world.nowMs + LOOK_MS, world); // watches that have just ended are open again
  await world.driven(compareReads(world));
  for (const checker of present) checker.atRest?.(world);
}
