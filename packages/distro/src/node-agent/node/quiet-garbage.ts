/**
 * Gives memory back when the agent has nothing to do. V8 lets garbage lie until there is enough of it to be worth a
 * collection; a node agent that has started its Pods may never get there, and would hold that much memory for ever.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Ctx, sleep } from '@kapella/base';

const LOOK_MS = 10_000;
/** Of one core: less is rest. */
const BUSY_SHARE = 0.03;
const GROWTH_BYTES_MIN = 4e6;
/** Of a larger heap a collection takes longer than anybody should wait, even now. */
const HEAP_BYTES_MAX = 64e6;

export interface QuietGarbageDeps {
  usedBytes(): number;
  /** Milliseconds of CPU time so far. */
  cpuMs(): number;
  collect(): void;
}

/** Until `ctx` aborts. */
export async function collectWhenQuiet(deps: QuietGarbageDeps, ctx: Ctx): Promise<void> {
  let keptBytes = 0;
  let lastCpuMs = deps.cpuMs();
  while (!ctx.signal.aborted) {
    await sleep(LOOK_MS, ctx).catch(() => {});
    const cpuMs = deps.cpuMs();
    const isQuiet = cpuMs - lastCpuMs < LOOK_MS * BUSY_SHARE;
    lastCpuMs = cpuMs;
    const used = deps.usedBytes();
    if (ctx.signal.aborted || !isQuiet || used > HEAP_BYTES_MAX || used - keptBytes < GROWTH_BYTES_MIN) continue;
    deps.collect();
    keptBytes = deps.usedBytes();
    lastCpuMs = deps.cpuMs();
  }
}

export function hostGarbage(): QuietGarbageDeps {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { readonly type: 'major' }) => void;
  setFlagsFromString('--no-expose-gc');
  return {
    usedBytes: () => getHeapStatistics().used_heap_size,
    cpuMs() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    collect: () => collect({ type: 'major' }),
  };
}
