/** Keys waiting to be worked on. Source: client-go/util/workqueue (queue, delaying queue, rate limiters). */
import type { Clock, Timer } from '@kapella/base';
import { NO_QUEUE_METER, type QueueMeter } from './queue-metrics.ts';

export interface WorkQueueOptions {
  /** First delay of a failing key; doubles each time. */
  readonly delayMinMs?: number;
  readonly delayMaxMs?: number;
  /** Told of what happens to the keys. */
  readonly meter?: QueueMeter;
}

/**
 * First in, first out. A key is in the queue at most once and is never handed out twice at the same time: added while in
 * work, it comes again after `done`.
 */
export interface WorkQueue {
  readonly length: number;
  add(key: string): void;
  /** Adds after `delayMs`; of several waiting delays for one key the earliest counts. */
  addAfter(key: string, delayMs: number): void;
  /** Adds after the key's back-off: 5 ms, doubled each time until `forget`, at most 1000 s. */
  addRateLimited(key: string): void;
  /** The key succeeded: its back-off starts anew. */
  forget(key: string): void;
  retriesOf(key: string): number;
  /** The next key; undefined once the queue is shut down. Each key got must be given back with `done`. */
  next(): Promise<string | undefined>;
  done(key: string): void;
  shutDown(): void;
}

export function createWorkQueue(clock: Clock, options: WorkQueueOptions = {}): WorkQueue {
  return new Queue(clock, options);
}

class Queue implements WorkQueue {
  readonly #clock: Clock;
  readonly #delayMinMs: number;
  readonly #delayMaxMs: number;
  readonly #meter: QueueMeter;
  /** In order of arrival; a Set, so that taking the first and looking one up are both quick. */
  readonly #ready = new Set<string>();
  readonly #inWork = new Set<string>();
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { readonly atMs: number; readonly timer: Timer }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #open = true;

  constructor(clock: Clock, { delayMinMs = 5, delayMaxMs = 1_000_000, meter = NO_QUEUE_METER }: WorkQueueOptions) {
    this.#clock = clock;
    this.#delayMinMs = delayMinMs;
    this.#delayMaxMs = delayMaxMs;
    this.#meter = meter;
  }

  get length(): number {
    return this.#ready.size;
  }

  add(key: string): void {
    if (!this.#open) return;
    if (this.#inWork.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    this.#meter.added(key);
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#ready.add(key);
      return;
    }
    this.#inWork.add(key);
    this.#meter.taken(key);
    taker(key);
  }

  addAfter(key: string, delayMs: number): void {
    if (!this.#open) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const atMs = this.#clock.monotonicMs() + delayMs;
    const waiting = this.#delayed.get(key);
    if (waiting !== undefined && waiting.atMs <= atMs) return;
    waiting?.timer.cancel();
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { atMs, timer });
  }

  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#meter.retried();
    this.addAfter(key, Math.min(this.#delayMinMs * 2 ** failures, this.#delayMaxMs));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  retriesOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  next(): Promise<string | undefined> {
    for (const key of this.#ready) {
      this.#ready.delete(key);
      this.#inWork.add(key);
      this.#meter.taken(key);
      return Promise.resolve(key);
    }
    if (!this.#open) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#inWork.delete(key);
    this.#meter.done(key);
    if (this.#again.delete(key)) this.add(key);
  }

  shutDown(): void {
    this.#open = false;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#again.clear();
    this.#meter.forgotten();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }
}
