/** A wait that can be cut short. */
import type { Ctx } from '@kapella/base';

export interface Nudge {
  /** Ends the present wait, or the next one. */
  poke(): void;
  /** Resolves after that time, when poked, or when `ctx` aborts. */
  wait(delayMs: number, ctx: Ctx): Promise<void>;
}

export function createNudge(): Nudge {
  let poked = false;
  let wake: (() => void) | undefined;
  return {
    poke() {
      poked = true;
      wake?.();
    },
    async wait(delayMs, ctx) {
      if (!poked && !ctx.signal.aborted) {
        await new Promise<void>((resolve) => {
          const finish = () => {
            timer.cancel();
            ctx.signal.removeEventListener('abort', finish);
            wake = undefined;
            resolve();
          };
          const timer = ctx.clock.setTimer(delayMs, finish);
          wake = finish;
          ctx.signal.addEventListener('abort', finish, { once: true });
        });
      }
      poked = false;
    },
  };
}
