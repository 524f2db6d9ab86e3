/** Large pieces of work that block the event loop: one in each of its turns, so that all others are answered in between. */
import type { Ctx } from '@kapella/base';

export interface Turns {
  /** undefined: at once, nobody large has worked in this turn. */
  take(ctx: Ctx): Promise<void> | undefined;
}

export function createTurns(): Turns {
  let isTaken = false;
  const waiting: (() => void)[] = [];
  const passOn = (ctx: Ctx) => {
    ctx.clock.setTimer(0, () => {
      const next = waiting.shift();
      if (next === undefined) {
        isTaken = false;
        return;
      }
      passOn(ctx);
      next();
    });
  };
  return {
    take(ctx) {
      if (isTaken) return new Promise((resolve) => waiting.push(resolve));
      isTaken = true;
      passOn(ctx);
      return undefined;
    },
  };
}
