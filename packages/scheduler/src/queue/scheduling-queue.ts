/** Pods waiting to be placed: active, backing off, unschedulable, gated. Source: …/scheduler/backend/queue. */
import { keyOf } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Clock, jsonEqual, type Timer } from '@kapella/base';
import type { ClusterEvent } from '../framework/plugin.ts';

const BACKOFF_MS_MIN = 1_000;
const BACKOFF_MS_MAX = 10_000;
/** A Pod is tried again after this long even if no event spoke for it. */
const UNSCHEDULABLE_MS_MAX = 5 * 60_000;

interface Waiting {
  pod: Pod;
  readonly sequence: number;
  readonly sinceMs: number;
  attempts: number;
  place: 'active' | 'backoff' | 'unschedulable' | 'gated' | 'inFlight';
  /** When a backing-off Pod becomes active. */
  readyAtMs: number;
  /** Events that can help, as the plugins that refused the Pod say. */
  wakeOn: ReadonlySet<ClusterEvent>;
  /** What it waits for by time: its back-off, or another try. */
  timer: Timer | undefined;
}

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #gate: (pod: Pod) => string | undefined;
  readonly #waiting = new Map<string, Waiting>();
  readonly #active = new Set<Waiting>();
  #sequence = 0;
  /** Called when a Pod has become active. */
  onActive: () => void = () => {};

  /** `gate` answers why a Pod may not be tried at all, if so. */
  constructor(clock: Clock, gate: (pod: Pod) => string | undefined) {
    this.#clock = clock;
    this.#gate = gate;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** A Pod appeared or changed. A change of the Pod itself ends its waiting. */
  set(pod: Pod): void {
    const key = keyOf(pod);
    const known = this.#waiting.get(key);
    if (known === undefined) {
      const waiting: Waiting = {
        pod,
        sequence: this.#sequence++,
        sinceMs: this.#clock.monotonicMs(),
        attempts: 0,
        place: 'gated',
        readyAtMs: 0,
        wakeOn: new Set(),
        timer: undefined,
      };
      this.#waiting.set(key, waiting);
      this.#enqueue(waiting);
      return;
    }
    const changed = !jsonEqual([known.pod.spec, known.pod.metadata.labels], [pod.spec, pod.metadata.labels]);
    known.pod = pod;
    if (known.place === 'gated' || (known.place === 'unschedulable' && changed && known.wakeOn.has('pod.update'))) {
      this.#enqueue(known);
    }
  }

  delete(key: string): void {
    const known = this.#waiting.get(key);
    if (known === undefined) return;
    known.timer?.cancel();
    this.#waiting.delete(key);
    this.#active.delete(known);
  }

  /** The most important active Pod: highest priority, then longest waiting. */
  pop(): { readonly pod: Pod; readonly attempts: number; readonly sinceMs: number } | undefined {
    let best: Waiting | undefined;
    for (const waiting of this.#active) if (best === undefined || isBefore(waiting, best)) best = waiting;
    if (best === undefined) return undefined;
    this.#active.delete(best);
    best.place = 'inFlight';
    best.attempts++;
    return { pod: best.pod, attempts: best.attempts, sinceMs: best.sinceMs };
  }

  /** The Pod fits nowhere: it waits for one of these events. */
  unschedulable(key: string, wakeOn: ReadonlySet<ClusterEvent>): void {
    const known = this.#waiting.get(key);
    if (known === undefined) return;
    known.place = 'unschedulable';
    known.wakeOn = wakeOn;
    known.readyAtMs = this.#clock.monotonicMs() + backoffMs(known.attempts);
    this.#later(known, UNSCHEDULABLE_MS_MAX, () => this.#enqueue(known));
  }

  /** Trying failed for a reason outside the decision (API error): again after the back-off. */
  retry(key: string): void {
    const known = this.#waiting.get(key);
    if (known === undefined) return;
    known.readyAtMs = this.#clock.monotonicMs() + backoffMs(known.attempts);
    this.#enqueue(known);
  }

  /** Forgets everything: no timer stays behind. */
  close(): void {
    for (const key of [...this.#waiting.keys()]) this.delete(key);
  }

  /** Something happened in the cluster: the Pods that it may help are tried again once their back-off is over. */
  wake(event: ClusterEvent): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.place === 'unschedulable' && waiting.wakeOn.has(event)) this.#enqueue(waiting);
    }
  }

  #enqueue(waiting: Waiting): void {
    if (this.#gate(waiting.pod) !== undefined) {
      waiting.place = 'gated';
      return;
    }
    const delayMs = waiting.readyAtMs - this.#clock.monotonicMs();
    if (delayMs > 0) {
      waiting.place = 'backoff';
      this.#later(waiting, delayMs, () => this.#activate(waiting));
      return;
    }
    this.#activate(waiting);
  }

  /** One timer a Pod: a later wait takes the place of an earlier one. */
  #later(waiting: Waiting, delayMs: number, fn: () => void): void {
    waiting.timer?.cancel();
    waiting.timer = this.#clock.setTimer(delayMs, fn);
  }

  #activate(waiting: Waiting): void {
    waiting.timer?.cancel();
    waiting.place = 'active';
    this.#active.add(waiting);
    this.onActive();
  }
}

function isBefore(a: Waiting, b: Waiting): boolean {
  const [left, right] = [a.pod.spec.priority ?? 0, b.pod.spec.priority ?? 0];
  return left === right ? a.sequence < b.sequence : left > right;
}

function backoffMs(attempts: number): number {
  return Math.min(BACKOFF_MS_MIN * 2 ** Math.max(0, attempts - 1), BACKOFF_MS_MAX);
}
