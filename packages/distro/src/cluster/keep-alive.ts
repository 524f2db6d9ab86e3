/** Server and node agent look after each other, and both after containerd: what was killed is started again. */
import { type Ctx, describeError, sleep } from '@kapella/base';
import type { Part, PartName } from './bring-up.ts';

const CHECK_MS = 1_000;
const PAUSE_MS_MAX = 60_000;
/** Who ran this long was no failure of its start. */
const STEADY_MS = 120_000;

export interface KeepAliveDeps {
  /** Those of the other processes. */
  readonly parts: readonly Part[];
  /** True when a part was started, was not stopped on purpose, and does not run. */
  hasFallen(name: PartName): Promise<boolean>;
  /** Runs `work` while no command is at work on this cluster; rejects when one is. */
  exclusively(work: () => Promise<void>): Promise<void>;
}

/** Until ctx aborts. Starts again after 1, 2, 4, … 60 seconds when a part keeps falling. */
export async function keepAlive({ parts, hasFallen, exclusively }: KeepAliveDeps, ctx: Ctx): Promise<void> {
  const falls = new Map<PartName, { count: number; startedMs: number }>();
  const raise = async (part: Part): Promise<void> => {
    const nowMs = ctx.clock.monotonicMs();
    const last = falls.get(part.name) ?? { count: 0, startedMs: Number.NEGATIVE_INFINITY };
    const count = nowMs - last.startedMs > STEADY_MS ? 0 : last.count;
    if (count > 0 && nowMs - last.startedMs < Math.min(CHECK_MS * 2 ** count, PAUSE_MS_MAX)) return;
    await exclusively(async () => {
      if (!(await hasFallen(part.name))) return; // someone else was quicker
      falls.set(part.name, { count: count + 1, startedMs: ctx.clock.monotonicMs() });
      await part.start(ctx);
      ctx.log.warn('process had ended, started again', { part: part.name, count: count + 1 });
    });
  };
  while (!ctx.signal.aborted) {
    for (const part of parts) {
      if (!(await hasFallen(part.name))) continue;
      await raise(part).catch((error: unknown) => {
        if (!ctx.signal.aborted)
          ctx.log.warn('process not started again', { part: part.name, reason: describeError(error) });
      });
    }
    await sleep(CHECK_MS, ctx).catch(() => {});
  }
}
