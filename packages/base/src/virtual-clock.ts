/** A clock that stands still until it is advanced: for tests and simulation. */
import type { Clock } from './clock.ts';

export interface VirtualClock extends Clock {
  /** Fires every timer due within `ms`, in order of time; lets promises settle after each. */
  advance(ms: number): Promise<void>;
  /** Lets promises settle without moving time. */
  settle(): Promise<void>;
  /** Timers waiting. */
  readonly pending: number;
}

interface Entry {
  readonly atMs: number;
  readonly sequence: number;
  readonly fn: () => void;
}

/** Turns of the microtask queue after each timer: enough for a chain of awaits without I/O. */
const SETTLE_TURNS = 400;

/** `settle` lets promises go on after each timer: turns of the microtask queue unless said. */
export function createVirtualClock(startMs = Date.UTC(2026, 0, 1), settle = microtasks): VirtualClock {
  let nowMs = startMs;
  let sequence = 0;
  const timers = new Set<Entry>();
  const next = (untilMs: number) => {
    let first: Entry | undefined;
    for (const timer of timers) {
      if (timer.atMs > untilMs) continue;
      const isEarlier = first === undefined || timer.atMs < first.atMs;
      if (isEarlier || (timer.atMs === first?.atMs && timer.sequence < first.sequence)) first = timer;
    }
    return first;
  };
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    setTimer(delayMs, fn) {
      const entry: Entry = { atMs: nowMs + Math.max(0, delayMs), sequence: sequence++, fn };
      timers.add(entry);
      return { cancel: () => void timers.delete(entry) };
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let timer = next(untilMs); timer !== undefined; timer = next(untilMs)) {
        timers.delete(timer);
        nowMs = Math.max(nowMs, timer.atMs);
        timer.fn();
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
    settle,
    get pending() {
      return timers.size;
    },
  };
}

async function microtasks(): Promise<void> {
  for (let i = 0; i < SETTLE_TURNS; i++) await undefined;
}
