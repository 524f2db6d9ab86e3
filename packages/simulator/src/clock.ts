/** Time that jumps from timer to timer: as fast as the work between them, and the same for the same work. */
import type { Clock, Timer } from '@kapella/base';

export interface SimClock extends Clock {
  /** Fires every timer due within `ms` in order of time, each moment's after all that the one before it set off. */
  advance(ms: number): Promise<void>;
  /** Advances to the next timer, if one is due within `ms`; false: none is, and time stands where it stood. */
  step(ms: number): Promise<boolean>;
  /** Waits until nothing runs any more, without moving time. */
  settle(): Promise<void>;
  /** Work outside the process's own promises (a socket, a thread): time stands still until the answer is called. */
  hold(): () => void;
  /** Timers waiting. */
  readonly pending: number;
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  fn: (() => void) | undefined;
}

export interface SimClockOptions {
  readonly startMs?: number;
  /** Resolves when every promise that can go on has gone on: one turn of the host's loop. */
  readonly turn: () => Promise<void>;
}

const START_MS = Date.UTC(2026, 0, 1);
/** A turn begun by the host may set off another: two quiet ones in a row say that all is done. */
const TURNS_QUIET = 1;

export function createSimClock({ startMs = START_MS, turn }: SimClockOptions): SimClock {
  return new HeapClock(startMs, turn);
}

class HeapClock implements SimClock {
  readonly #startMs: number;
  readonly #turn: () => Promise<void>;
  readonly #heap: Entry[] = [];
  #nowMs: number;
  #order = 0;
  #live = 0;
  #held = 0;
  #released: (() => void) | undefined;

  constructor(startMs: number, turn: () => Promise<void>) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
    this.#turn = turn;
  }

  get pending(): number {
    return this.#live;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    const entry: Entry = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fn };
    this.#live++;
    push(this.#heap, entry);
    return {
      cancel: () => {
        if (entry.fn === undefined) return;
        entry.fn = undefined;
        this.#live--;
      },
    };
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.settle();
    for (let moved = true; moved; ) moved = await this.#stepTo(untilMs);
    this.#nowMs = untilMs;
  }

  async step(ms: number): Promise<boolean> {
    await this.settle();
    return this.#stepTo(this.#nowMs + ms);
  }

  async settle(): Promise<void> {
    for (let quiet = 0; quiet < TURNS_QUIET; quiet++) {
      await this.#turn();
      if (this.#held === 0) continue;
      await new Promise<void>((resolve) => {
        this.#released = resolve;
      });
      quiet = -1;
    }
  }

  hold(): () => void {
    this.#held++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#held--;
      if (this.#held > 0) return;
      this.#released?.();
      this.#released = undefined;
    };
  }

  /** All timers of the next moment, if it is not after `untilMs`. */
  async #stepTo(untilMs: number): Promise<boolean> {
    const first = this.#peek();
    if (first === undefined || first.atMs > untilMs) return false;
    this.#nowMs = Math.max(this.#nowMs, first.atMs);
    // Those that this moment's own timers add wait until what these set off is done.
    const orderMax = this.#order;
    for (let due = this.#peek(); due !== undefined && due.atMs <= this.#nowMs; due = this.#peek()) {
      if (due.order >= orderMax) break;
      pop(this.#heap);
      const { fn } = due;
      due.fn = undefined;
      this.#live--;
      fn?.();
    }
    await this.settle();
    return true;
  }

  #peek(): Entry | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].fn === undefined) pop(this.#heap);
    return this.#heap[0];
  }
}

const isBefore = (a: Entry, b: Entry) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Entry;
    if (!isBefore(entry, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
    const below = heap[child] as Entry;
    if (!isBefore(below, last)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
}
