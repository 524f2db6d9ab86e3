/** A clock that stands still until the test moves it. Everything waiting on it runs in order of time. */
import type { Clock, Random, Timer } from '@kapella/base';

export interface VirtualClock extends Clock {
  /** Runs every timer that falls due, in order, letting promises settle after each. */
  advance(ms: number): Promise<void>;
  /** Lets promises settle without moving time. */
  settle(): Promise<void>;
  readonly pending: number;
}

interface Waiting {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
}

const SETTLE_TURNS = 400;

export function createVirtualClock(startMs = Date.parse('2026-01-01T00:00:00Z')): VirtualClock {
  let nowMs = startMs;
  let order = 0;
  const timers = new Set<Waiting>();
  const nextDue = (untilMs: number): Waiting | undefined => {
    let first: Waiting | undefined;
    for (const timer of timers) {
      if (timer.atMs > untilMs) continue;
      if (first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  };
  const settle = async () => {
    for (let turn = 0; turn < SETTLE_TURNS; turn++) await undefined;
  };
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    get pending() {
      return timers.size;
    },
    setTimer(delayMs, fn): Timer {
      const timer = { atMs: nowMs + Math.max(0, delayMs), order: order++, fn };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
    settle,
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        timers.delete(timer);
        nowMs = Math.max(nowMs, timer.atMs);
        timer.fn();
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
  };
}

/** The same numbers for the same seed (mulberry32). */
export function createSeededRandom(seed = 1): Random {
  let state = seed >>> 0;
  const float = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const bytes = (length: number) => Uint8Array.from({ length }, () => Math.floor(float() * 256));
  const hex = (length: number) => Array.from(bytes(length), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { float, bytes, uuid: () => `${hex(4)}-${hex(2)}-4${hex(2).slice(1)}-a${hex(2).slice(1)}-${hex(6)}` };
}
