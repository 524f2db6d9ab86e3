/** Pods waiting to be placed: active, backing off, unschedulable, gated. Source: …/scheduler/backend/queue. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { Clock, Timer } from '@kapella/base';
import { type ClusterEvent, eventLabel, isInterested, podUpdateEvents } from '../framework/cluster-events.ts';
import type { QueueOrder, SchedulerPlugin } from '../framework/plugin.ts';
import { type PodState, podStateOf } from '../framework/pod-state.ts';
import type { Profile } from '../framework/profile.ts';
import { EventLog } from './event-log.ts';
import { Heap } from './heap.ts';
import { NO_QUEUE_METRICS, type QueueMetrics } from './queue-metrics.ts';

export type Place = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'inFlight';

export interface QueueOptions {
  readonly clock: Clock;
  readonly profileOf: (pod: Pod) => Profile | undefined;
  readonly compare: (a: QueueOrder, b: QueueOrder) => number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  readonly metrics?: QueueMetrics;
}

/** A Pod is tried again after this long even if no event spoke for it. */
const UNSCHEDULABLE_MS_MAX = 5 * 60_000;
const FLUSH_MS = 30_000;
const ADDED: ClusterEvent = { resource: 'UnscheduledPod', action: 'Add' };

export interface Waiting {
  state: PodState;
  readonly sequence: number;
  /** When the Pod was first seen. */
  readonly firstMs: number;
  /** When it last came into the queue: of Pods alike the longest waiting is first. */
  sinceMs: number;
  attempts: number;
  place: Place;
  /** Times it was found not to fit; errors one after the other. The back-off grows with them. */
  refusals: number;
  errors: number;
  /** When a backing-off Pod becomes active. */
  readyAtMs: number;
  /** Plugins that refused it: only their events help. Empty: any event does. */
  refusedBy: ReadonlySet<string>;
  /** Room is being made for it: it is not tried before that is done. */
  isPreempting: boolean;
  wasWoken: boolean;
  /** It is tried because it waited so long, and for no event. */
  wasFlushed: boolean;
  /** Rises whenever it changes place: what heaps hold of it from before does not count. */
  token: number;
}

/** A heap's view of a Pod, as it was when it came in. */
interface Ticket extends QueueOrder {
  readonly waiting: Waiting;
  readonly token: number;
  readonly readyAtMs: number;
}

export class SchedulingQueue {
  readonly #options: QueueOptions;
  readonly #metrics: QueueMetrics;
  readonly #waiting = new Map<string, Waiting>();
  readonly #unschedulable = new Set<Waiting>();
  /** By the plugin that keeps them out. */
  readonly #gated = new Map<string, Set<Waiting>>();
  readonly #counts: Record<Place, number> = { active: 0, backoff: 0, unschedulable: 0, gated: 0, inFlight: 0 };
  readonly #active: Heap<Ticket>;
  readonly #backoff: Heap<Ticket>;
  readonly #errorBackoff: Heap<Ticket>;
  readonly #log = new EventLog();
  #sequence = 0;
  #backoffTimer: Timer | undefined;
  #backoffAtMs = Number.POSITIVE_INFINITY;
  #flushTimer: Timer | undefined;
  /** Called when `pop` has something to answer. */
  onActive: () => void = () => {};

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#metrics = options.metrics ?? NO_QUEUE_METRICS;
    const isLive = ({ waiting, token }: Ticket) => waiting.token === token;
    const byTime = (a: Ticket, b: Ticket) => a.readyAtMs - b.readyAtMs || options.compare(a, b);
    this.#active = new Heap(options.compare, isLive);
    this.#backoff = new Heap(byTime, isLive);
    this.#errorBackoff = new Heap(byTime, isLive);
  }

  get size(): number {
    return this.#waiting.size;
  }

  count(place: Place): number {
    return this.#counts[place];
  }

  /** Events kept for Pods under way. */
  get inFlightEventCount(): number {
    return this.#log.size;
  }

  /** The same by label. */
  inFlightEvents(): ReadonlyMap<string, number> {
    return this.#log.counts();
  }

  get(key: string): Waiting | undefined {
    return this.#waiting.get(key);
  }

  /** How many Pods wait for events of each plugin, by plugin and profile. */
  *unschedulable(): Iterable<readonly [labels: readonly [plugin: string, profile: string], count: number]> {
    const counts = new Map<string, number>();
    for (const { refusedBy, place, state } of this.#waiting.values()) {
      if (place !== 'unschedulable' && place !== 'gated') continue;
      const profile = this.#options.profileOf(state.pod)?.schedulerName ?? '';
      for (const plugin of refusedBy)
        counts.set(`${plugin}\0${profile}`, (counts.get(`${plugin}\0${profile}`) ?? 0) + 1);
    }
    for (const [key, count] of counts) {
      const [plugin = '', profile = ''] = key.split('\0');
      yield [[plugin, profile], count];
    }
  }

  /** A Pod appeared or changed. */
  set(pod: Pod): void {
    const state = podStateOf(pod);
    const known = this.#waiting.get(state.key);
    if (known !== undefined && known.state.pod.metadata.uid === pod.metadata.uid) {
      this.#update(known, state);
      return;
    }
    if (known !== undefined) this.delete(state.key);
    const nowMs = this.#nowMs();
    const waiting: Waiting = {
      ...{ state, sequence: this.#sequence++, firstMs: nowMs, sinceMs: nowMs, attempts: 0, refusals: 0, errors: 0 },
      ...{ place: 'gated', readyAtMs: 0, refusedBy: new Set(), isPreempting: false, wasWoken: false, wasFlushed: false, token: 0 },
    };
    this.#waiting.set(state.key, waiting);
    this.#counts.gated++;
    this.#enqueue(waiting, eventLabel(ADDED));
  }

  delete(key: string): void {
    const known = this.#waiting.get(key);
    if (known === undefined) return;
    this.#waiting.delete(key);
    this.#leave(known);
    this.#counts[known.place]--;
    this.#log.end(known);
  }

  /** The most important active Pod; with none active, one that backs off after it was found not to fit. */
  pop(): Waiting | undefined {
    const next = this.#active.pop() ?? this.#popBackoff();
    if (next === undefined) return undefined;
    const { waiting } = next;
    this.#move(waiting, 'inFlight');
    waiting.attempts++;
    this.#log.begin(waiting);
    return waiting;
  }

  /** The Pod fits nowhere: it waits for one of the events of the plugins that refused it. */
  refused(waiting: Waiting, refusedBy: ReadonlySet<string>): void {
    if (waiting.place !== 'inFlight' || this.#waiting.get(waiting.state.key) !== waiting) return;
    waiting.refusedBy = refusedBy;
    waiting.wasFlushed = false;
    waiting.refusals++;
    waiting.errors = 0;
    waiting.sinceMs = this.#nowMs();
    waiting.readyAtMs = waiting.sinceMs + this.#backoffMs(waiting.refusals);
    const missed = this.#log.end(waiting);
    this.#move(waiting, 'unschedulable');
    if (missed.some((event) => this.#helps(waiting, event))) this.#enqueue(waiting, 'ScheduleAttemptFailure');
    else this.#metrics.incoming('unschedulable', 'ScheduleAttemptFailure');
    this.#armFlush();
  }

  /** Trying failed for a reason outside the decision (API error): again after the back-off. */
  failed(waiting: Waiting): void {
    if (waiting.place !== 'inFlight' || this.#waiting.get(waiting.state.key) !== waiting) return;
    this.#log.end(waiting);
    waiting.refusedBy = new Set();
    waiting.errors++;
    waiting.sinceMs = this.#nowMs();
    waiting.readyAtMs = waiting.sinceMs + this.#backoffMs(waiting.errors);
    this.#move(waiting, 'unschedulable');
    this.#enqueue(waiting, 'ScheduleAttemptFailure');
  }

  /** While room is made for it the Pod is not tried; afterwards it is when something spoke for it meanwhile. */
  setPreempting(waiting: Waiting, isPreempting: boolean): void {
    waiting.isPreempting = isPreempting;
    if (isPreempting || !waiting.wasWoken) return;
    waiting.wasWoken = false;
    if (waiting.place === 'unschedulable') this.#enqueue(waiting, 'ForceActivate');
  }

  /** Tries the Pod again at once, whatever it waits for. */
  activate(waiting: Waiting): void {
    if (waiting.place !== 'unschedulable' && waiting.place !== 'backoff') return;
    waiting.readyAtMs = 0;
    this.#enqueue(waiting, 'ForceActivate');
  }

  /** Something happened in the cluster: the Pods that it may help are tried again once their back-off is over. */
  wake(event: ClusterEvent): void {
    this.#log.add(event);
    for (const waiting of this.#unschedulable) {
      if (this.#helps(waiting, event)) this.#enqueue(waiting, eventLabel(event));
    }
    for (const [gate, gated] of this.#gated) {
      if (!this.#isGateInterested(gate, event)) continue;
      for (const waiting of [...gated]) if (this.#helps(waiting, event)) this.#enqueue(waiting, eventLabel(event));
    }
  }

  /** Forgets everything: no timer stays behind. */
  close(): void {
    for (const key of [...this.#waiting.keys()]) this.delete(key);
    this.#backoffTimer?.cancel();
    this.#flushTimer?.cancel();
    this.#backoffTimer = undefined;
    this.#flushTimer = undefined;
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  #update(known: Waiting, state: PodState): void {
    const events = podUpdateEvents(state.pod, known.state.pod);
    known.state = state;
    for (const event of events) this.#log.add(event);
    if (known.place !== 'gated' && known.place !== 'unschedulable') return;
    const helping = events.find((event) => this.#helps(known, event));
    if (helping !== undefined) this.#enqueue(known, eventLabel(helping));
  }

  #popBackoff(): Ticket | undefined {
    const ticket = this.#backoff.pop();
    if (ticket !== undefined) this.#metrics.incoming('active', 'PopFromBackoffQ');
    return ticket;
  }

  /** Whether a plugin that refused the Pod has an interest in the event, and its hint agrees. */
  #helps(waiting: Waiting, event: ClusterEvent): boolean {
    if (waiting.refusedBy.size === 0 || event.resource === '*') return true;
    const { state, refusedBy } = waiting;
    for (const plugin of this.#options.profileOf(state.pod)?.all ?? []) {
      if (refusedBy.has(plugin.name) && speaksFor(plugin, state, event)) return true;
    }
    return false;
  }

  #enqueue(waiting: Waiting, label: string): void {
    if (waiting.isPreempting) {
      waiting.wasWoken = true;
      return;
    }
    const gate = this.#gateOf(waiting.state.pod);
    if (gate !== undefined) {
      this.#move(waiting, 'gated');
      waiting.refusedBy = new Set([gate]);
      const gated = this.#gated.get(gate) ?? new Set();
      this.#gated.set(gate, gated.add(waiting));
      this.#metrics.incoming('gated', label);
      return;
    }
    const isLate = waiting.readyAtMs > this.#nowMs();
    this.#move(waiting, isLate ? 'backoff' : 'active');
    this.#metrics.incoming(isLate ? 'backoff' : 'active', label);
    const { sinceMs, sequence, token, readyAtMs } = waiting;
    const ticket: Ticket = { waiting, pod: waiting.state.pod, sinceMs, sequence, token, readyAtMs };
    if (!isLate) this.#active.push(ticket);
    else if (waiting.errors > 0) this.#errorBackoff.push(ticket);
    else this.#backoff.push(ticket);
    if (isLate) this.#armBackoff(readyAtMs);
    if (!isLate || waiting.errors === 0) this.onActive();
  }

  /** Asked once for all Pods behind the gate: there may be thousands. */
  #isGateInterested(gate: string, event: ClusterEvent): boolean {
    for (const waiting of this.#gated.get(gate) ?? []) {
      const plugin = this.#options.profileOf(waiting.state.pod)?.preEnqueue.find(({ name }) => name === gate);
      return plugin?.events === undefined || plugin.events.some((interest) => isInterested(interest, event));
    }
    return false;
  }

  #gateOf(pod: Pod): string | undefined {
    return this.#options.profileOf(pod)?.preEnqueue.find((plugin) => plugin.preEnqueue?.(pod) !== undefined)?.name;
  }

  #move(waiting: Waiting, place: Place): void {
    this.#leave(waiting);
    this.#counts[waiting.place]--;
    this.#counts[place]++;
    waiting.place = place;
    if (place === 'unschedulable') this.#unschedulable.add(waiting);
  }

  #leave(waiting: Waiting): void {
    waiting.token++;
    this.#unschedulable.delete(waiting);
    if (waiting.place !== 'gated') return;
    for (const gate of waiting.refusedBy) this.#gated.get(gate)?.delete(waiting);
  }

  #backoffMs(count: number): number {
    const { backoffMsMin, backoffMsMax } = this.#options;
    return Math.min(backoffMsMin * 2 ** Math.min(Math.max(0, count - 1), 30), backoffMsMax);
  }

  #armBackoff(atMs: number): void {
    if (atMs >= this.#backoffAtMs) return;
    this.#backoffTimer?.cancel();
    this.#backoffAtMs = atMs;
    this.#backoffTimer = this.#options.clock.setTimer(Math.max(0, atMs - this.#nowMs()), () => this.#endBackoffs());
  }

  #endBackoffs(): void {
    this.#backoffAtMs = Number.POSITIVE_INFINITY;
    this.#backoffTimer = undefined;
    const nowMs = this.#nowMs();
    for (const heap of [this.#backoff, this.#errorBackoff]) {
      for (let next = heap.peek(); next !== undefined && next.readyAtMs <= nowMs; next = heap.peek()) {
        heap.pop();
        this.#enqueue(next.waiting, 'BackoffComplete');
      }
    }
    const nextAtMs = Math.min(
      this.#backoff.peek()?.readyAtMs ?? Infinity,
      this.#errorBackoff.peek()?.readyAtMs ?? Infinity,
    );
    if (nextAtMs < Number.POSITIVE_INFINITY) this.#armBackoff(nextAtMs);
  }

  #armFlush(): void {
    if (this.#unschedulable.size === 0) return;
    this.#flushTimer ??= this.#options.clock.setTimer(FLUSH_MS, () => {
      this.#flushTimer = undefined;
      const nowMs = this.#nowMs();
      for (const waiting of this.#unschedulable) {
        if (nowMs - waiting.sinceMs < UNSCHEDULABLE_MS_MAX) continue;
        waiting.wasFlushed = true;
        this.#enqueue(waiting, 'UnschedulableTimeout');
      }
      this.#armFlush();
    });
  }
}

/** A plugin that names no events is asked again after each. */
function speaksFor({ events }: SchedulerPlugin, pod: PodState, event: ClusterEvent): boolean {
  if (events === undefined) return true;
  return events.some((interest) => isInterested(interest, event) && interest.hint?.(pod, event) !== false);
}
