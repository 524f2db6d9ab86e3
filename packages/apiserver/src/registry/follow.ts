/** Following a watch cache for the server's own indexes. */
import type { CacheEvent, WatchCache } from '@kapella/store';

/** All present objects, then every change. A cache that lost its store fills itself again, and this starts over. */
export function followCache(cache: WatchCache | undefined, apply: (events: readonly CacheEvent[]) => void): () => void {
  let stop = () => {};
  let stopped = cache === undefined;
  const start = () => {
    if (stopped || cache === undefined) return;
    stop = cache.watch(
      { after: 'now', initial: true },
      {
        events: apply,
        initialEnd: () => {},
        closed: (error) => {
          if (error !== undefined) cache.waitFor(0, NO_TIMER).then(start, () => {});
        },
      },
    );
  };
  start();
  return () => {
    stopped = true;
    stop();
  };
}

/** The wait has no end of its own: it is over when the cache is back. */
const NO_TIMER = { clock: { setTimer: () => ({ cancel() {} }) } } as never;
