/** Work on the newest wish alone, one at a time: a wish that comes meanwhile takes the place of those before it. */
import { type Ctx, describeError, sleep } from '@kapella/base';

const RETRY_MS = 5_000;

/** What fails is logged as `what` and tried again, unless there is a newer wish. */
export function newestWins<T>(what: string, work: (wish: T) => Promise<void>, ctx: Ctx): (wish: T) => void {
  let wanted: { readonly wish: T } | undefined;
  let isAtWork = false;
  const run = async () => {
    isAtWork = true;
    while (wanted !== undefined && !ctx.signal.aborted) {
      const taken = wanted;
      wanted = undefined;
      try {
        await work(taken.wish);
      } catch (error) {
        if (ctx.signal.aborted) break;
        ctx.log.warn(what, { reason: describeError(error) });
        await sleep(RETRY_MS, ctx).catch(() => {});
        wanted ??= taken;
      }
    }
    isAtWork = false;
  };
  return (wish) => {
    wanted = { wish };
    if (!isAtWork) void run();
  };
}
