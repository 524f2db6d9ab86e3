/** A wait that ends at the earliest time that it was rung for. */
import type { Ctx } from '@kapella/base';

export interface Alarm {
  ring(delayMs: number): void;
  /** Resolves then, or when the context aborts. */
  wait(): Promise<void>;
}

export function createAlarm(ctx: Ctx): Alarm {
  let dueMs = Number.POSITIVE_INFINITY;
  let timer: { cancel(): void } | undefined;
  let wake = () => {};
  const fire = () => {
    dueMs = Number.NEGATIVE_INFINITY;
    wake();
  };
  ctx.signal.addEventListener('abort', fire, { once: true });
  return {
    ring(delayMs) {
      const atMs = ctx.clock.monotonicMs() + delayMs;
      if (atMs >= dueMs) return;
      dueMs = atMs;
      timer?.cancel();
      timer = ctx.clock.setTimer(delayMs, fire);
    },
    async wait() {
      if (dueMs !== Number.NEGATIVE_INFINITY && !ctx.signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      timer?.cancel();
      dueMs = Number.POSITIVE_INFINITY;
    },
  };
}
