/** A clock that only moves when a test says so, letting all that became ready run in between. */
import type { Clock } from '@kapella/base';

export interface VirtualClock extends Clock {
  /** Runs every timer that is due within `ms`, in order. */
  advance(ms: number): Promise<void>;
}

const START_MS = 1_700_000_000_000;

/** `settle` lets pending promises run: setImmediate in Node. */
export function createVirtualClock(settle: () => Promise<void>): VirtualClock {
  let nowMs = START_MS;
  let serial = 0;
  const timers = new Map<number, { readonly atMs: number; readonly fn: () => void }>();
  const next = (untilMs: number) => {
    let best: [number, { readonly atMs: number; readonly fn: () => void }] | undefined;
    for (const entry of timers)
      if (entry[1].atMs <= untilMs && (best === undefined || entry[1].atMs < best[1].atMs)) best = entry;
    return best;
  };
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - START_MS,
    setTimer(delayMs, fn) {
      const id = ++serial;
      timers.set(id, { atMs: nowMs + delayMs, fn });
      return { cancel: () => void timers.delete(id) };
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let due = next(untilMs); due !== undefined; due = next(untilMs)) {
        timers.delete(due[0]);
        nowMs = Math.max(nowMs, due[1].atMs);
        due[1].fn();
        await settle();
      }
      nowMs = untilMs;
    },
  };
}
