/** Makes a failing plan shorter while it goes on failing in the same way. Source: delta debugging (Zeller). */
import type { Plan } from './plan.ts';
import type { RunResult } from './run.ts';

export interface ShrinkOptions {
  readonly run: (plan: Plan) => Promise<RunResult>;
  /** Runs at most. */
  readonly runsMax: number;
}

/** The shortest plan found whose first violation is of the same checker. */
export async function shrink(failed: RunResult, { run, runsMax }: ShrinkOptions): Promise<RunResult> {
  const checker = failed.violations[0]?.checker;
  let best = failed;
  let runs = 0;
  const tryPlan = async (plan: Plan): Promise<boolean> => {
    if (runs++ >= runsMax) return false;
    const result = await run(plan);
    if (result.violations[0]?.checker !== checker) return false;
    best = result;
    return true;
  };
  const atMs = failed.violations[0]?.atMs ?? failed.plan.durationMs;
  const short = Math.min(failed.plan.durationMs, atMs + 1_000);
  await tryPlan({ ...failed.plan, durationMs: short, ...upTo(failed.plan, short) });
  for (const part of ['faults', 'steps'] as const) await shrinkList(part, () => best.plan, tryPlan);
  return best;
}

const upTo = ({ steps, faults }: Plan, ms: number) => ({
  steps: steps.filter((step) => step.atMs <= ms),
  faults: faults.filter((fault) => fault.atMs <= ms),
});

/** Leaves out halves, then quarters, down to single entries. */
async function shrinkList(
  part: 'faults' | 'steps',
  current: () => Plan,
  tryPlan: (plan: Plan) => Promise<boolean>,
): Promise<void> {
  for (let size = Math.ceil(current()[part].length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < current()[part].length; ) {
      const plan = current();
      const kept = plan[part].filter((_entry, i) => i < at || i >= at + size);
      if (!(await tryPlan({ ...plan, [part]: kept }))) at += size;
    }
  }
}
