/** The loop: one Pod at a time is decided over the snapshot, bindings run beside it. Source: …/scheduler/schedule_one.go. */
import type { Pod } from '@kapella/api/types/core-v1';
import { createMetricsRegistry, type Ctx, type MetricsRegistry } from '@kapella/base';
import type { Cache, Client, EventRecorder } from '@kapella/client';
import { defaultConfig } from './config/load.ts';
import { buildProfiles } from './config/profiles.ts';
import { DEFAULT_SCHEDULER, type SchedulerConfig } from './config/types.ts';
import { EXTENDER, Extenders } from './extender/extenders.ts';
import type { ExtenderTransport } from './extender/types.ts';
import { choose, type Decision, diagnose, type Search, search } from './framework/decide.ts';
import type { NodeState } from './framework/node-state.ts';
import { Planner } from './framework/planner.ts';
import { PluginError, type PluginFactory, type PluginRejection } from './framework/plugin.ts';
import type { Profile } from './framework/profile.ts';
import { Snapshot } from './framework/snapshot.ts';
import { bindingCycle, leaving, type Placement, reserve } from './loop/binding.ts';
import { createLookup, feedSynced, subscribeFeed } from './loop/feed.ts';
import type { LoopParts } from './loop/parts.ts';
import { fail, hold, makeRoom, type Outcome, refuse } from './loop/refusal.ts';
import { HeldPods, Waits } from './loop/waits.ts';
import { createSchedulerMetrics } from './metrics/scheduler-metrics.ts';
import { SchedulingQueue, type Waiting } from './queue/scheduling-queue.ts';

export interface SchedulerDeps {
  readonly client: Client;
  readonly cache: Cache;
  readonly events: EventRecorder;
  /** Default: one profile, `default-scheduler`, with the default plugins. */
  readonly config?: SchedulerConfig;
  /** Plugins that the configuration may name, beside the built-in ones. */
  readonly plugins?: readonly PluginFactory[];
  /** Needed when the configuration names extenders. */
  readonly extenderTransport?: ExtenderTransport;
  readonly metrics?: MetricsRegistry;
}

export interface Scheduler {
  /** Settles when the context is aborted and every binding under way has settled. */
  run(ctx: Ctx): Promise<void>;
}

/**
 * Requests under way at a time. An API server lets about a hundred of one component run and some hundreds wait; those
 * beyond are told to come back a second later, which costs more than waiting here.
 */
export const REQUESTS_AT_ONCE = 200;
/** Pods with writes under way at a time. */
const UNDER_WAY_MAX = 300;
/** So long the loop decides before it lets others have the thread. */
const SLICE_MS = 10;

export function createScheduler(deps: SchedulerDeps): Scheduler {
  return { run: (ctx) => new SchedulerLoop(deps, ctx).run() };
}

interface Attempt extends Pick<Placement, 'waiting' | 'profile' | 'startMs'> {
  readonly tookMs: number;
}

class SchedulerLoop {
  readonly #deps: SchedulerDeps;
  readonly #ctx: Ctx;
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #parts: LoopParts;
  readonly #waits = new Waits();
  readonly #underWay = new Set<Promise<void>>();
  #wake: () => void = () => {};

  constructor(deps: SchedulerDeps, ctx: Ctx) {
    this.#deps = deps;
    this.#ctx = ctx;
    const { client, cache, events, config = defaultConfig(), plugins = [], extenderTransport } = deps;
    const lookup = createLookup(cache);
    const held = new HeldPods();
    const profiles = buildProfiles(config, { lookup, held, nowMs: () => ctx.clock.nowMs() }, plugins);
    this.#profiles = new Map(profiles.map((profile) => [profile.schedulerName, profile]));
    const snapshot = new Snapshot(lookup);
    const assumed = new Set<string>();
    if (config.extenders.length > 0 && extenderTransport === undefined) {
      throw new Error('the configuration names extenders, but there is no transport to reach them');
    }
    const metrics = createSchedulerMetrics(deps.metrics ?? createMetricsRegistry(), {
      pending: (place) => queue.count(place),
      cacheSize: (type) =>
        type === 'nodes' ? snapshot.nodes.size : type === 'pods' ? snapshot.podCount : assumed.size,
      inFlightEvents: () => queue.inFlightEvents(),
      unschedulable: () => queue.unschedulable(),
    });
    const queue = new SchedulingQueue({
      clock: ctx.clock,
      profileOf: (pod) => this.#profileOf(pod),
      compare: (a, b) => profiles[0]?.queueSort.compare?.(a, b) ?? a.sequence - b.sequence,
      backoffMsMin: config.podInitialBackoffSeconds * 1000,
      backoffMsMax: config.podMaxBackoffSeconds * 1000,
      metrics,
    });
    queue.onActive = () => this.#wake();
    const { until } = { until: this.#waits.until.bind(this.#waits) };
    this.#parts = {
      ...{ ctx, client, events, lookup, snapshot, queue, held, metrics, assumed },
      planner: new Planner(snapshot),
      handle: { lookup, client, events, until },
      extenders: extenderTransport === undefined ? undefined : new Extenders(config.extenders, extenderTransport),
    };
  }

  async run(): Promise<void> {
    const { cache } = this.#deps;
    const { queue, snapshot, assumed } = this.#parts;
    const unsubscribe = subscribeFeed(cache, {
      ...{ snapshot, queue, assumed },
      isOwn: (pod) => this.#profileOf(pod) !== undefined,
      changed: () => this.#waits.changed(),
    });
    await feedSynced(cache, this.#ctx).catch((error) => {
      if (!this.#ctx.signal.aborted) throw error;
    });
    await this.#loop();
    unsubscribe();
    queue.close();
    await Promise.allSettled(this.#underWay);
  }

  async #loop(): Promise<void> {
    const { clock, signal } = this.#ctx;
    let sliceEndMs = clock.monotonicMs() + SLICE_MS;
    while (!signal.aborted) {
      if (this.#underWay.size >= UNDER_WAY_MAX) await Promise.race(this.#underWay);
      const next = this.#parts.queue.pop();
      if (next === undefined) {
        await this.#somethingToDo();
        sliceEndMs = clock.monotonicMs() + SLICE_MS;
        continue;
      }
      const work = this.#scheduleOne(next);
      if (work !== undefined) await work;
      if (clock.monotonicMs() < sliceEndMs) continue;
      await new Promise<void>((resolve) => clock.setTimer(0, resolve));
      sliceEndMs = clock.monotonicMs() + SLICE_MS;
    }
  }

  #somethingToDo(): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#ctx;
      const done = () => {
        signal.removeEventListener('abort', done);
        this.#wake = () => {};
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #profileOf(pod: Pod): Profile | undefined {
    return this.#profiles.get(pod.spec.schedulerName ?? DEFAULT_SCHEDULER);
  }

  /** Decides at once; a promise only when extenders must be asked first. */
  #scheduleOne(waiting: Waiting): Promise<void> | undefined {
    const { snapshot, extenders, queue, metrics } = this.#parts;
    const { state } = waiting;
    const profile = this.#profileOf(state.pod);
    if (profile === undefined) {
      queue.delete(state.key);
      return undefined;
    }
    const { clock } = this.#ctx;
    const startMs = clock.monotonicMs();
    const found = this.#search(waiting, profile);
    if (found === undefined) return undefined;
    const status = found.plan.count > 0 ? 'Success' : 'Unschedulable';
    metrics.extensionPoint('Filter', status, profile.schedulerName, (clock.monotonicMs() - startMs) / 1000);
    if (extenders !== undefined && found.plan.count > 0 && extenders.interestedIn(state.pod).length > 0) {
      return this.#askExtenders(waiting, found, profile, extenders, startMs);
    }
    return this.#decided(waiting, profile, choose(found, snapshot, this.#ctx.random), startMs);
  }

  /** Undefined when a plugin failed: the Pod has been told. */
  #search(waiting: Waiting, profile: Profile): Search | undefined {
    const { snapshot, planner, extenders } = this.#parts;
    try {
      // Extenders are told of each node.
      return search(waiting.state, snapshot, profile, planner, { mayRank: extenders === undefined });
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      this.#track(fail(waiting, error, this.#parts));
      return undefined;
    }
  }

  async #askExtenders(
    waiting: Waiting,
    found: Search,
    profile: Profile,
    extenders: Extenders,
    startMs: number,
  ): Promise<void> {
    const { snapshot } = this.#parts;
    const { pod } = waiting.state;
    const { plan } = found;
    try {
      const states = [...plan.slots.subarray(0, plan.count)].map((slot) => snapshot.slots[slot] as NodeState);
      const answer = await extenders.filter(
        pod,
        states.map(({ node }) => node),
        this.#ctx,
      );
      const left = new Set(answer.nodes.map(({ metadata }) => metadata.name));
      // Nodes may have gone while the extenders were asked.
      plan.retain((node) => node !== undefined && left.has(node.name));
      const scores = await extenders.prioritize(pod, answer.nodes, this.#ctx);
      plan.retain((node) => node !== undefined && snapshot.nodes.get(node.name) === node);
      const decision = choose(found, snapshot, this.#ctx.random, scores);
      await this.#decided(waiting, profile, decision, startMs, answer.refusals);
    } catch (error) {
      this.#track(fail(waiting, error, this.#parts));
    }
  }

  #decided(
    waiting: Waiting,
    profile: Profile,
    decision: Decision,
    startMs: number,
    refusals?: ReadonlyMap<string, PluginRejection>,
  ): Promise<void> | undefined {
    const { snapshot, metrics } = this.#parts;
    const tookMs = this.#ctx.clock.monotonicMs() - startMs;
    metrics.algorithm(tookMs / 1000);
    if (decision.node !== undefined) {
      this.#place(decision.node, decision, { waiting, profile, startMs, tookMs });
      return undefined;
    }
    metrics.attempt('unschedulable', profile.schedulerName, tookMs / 1000);
    const found = diagnose(decision, snapshot, refusals);
    const plugins = refusals === undefined ? found.plugins : new Set([...found.plugins, EXTENDER]);
    const diagnosis = { ...found, plugins };
    const refused = (outcome: Outcome) =>
      this.#track(refuse(waiting, profile, { search: decision, diagnosis, outcome }, this.#parts));
    const outcome = makeRoom(waiting, profile, { search: decision, diagnosis }, this.#parts);
    if (outcome instanceof Promise) return outcome.then(refused);
    refused(outcome);
    return undefined;
  }

  #place(node: string, { cycle }: Decision, { tookMs, ...attempt }: Attempt): void {
    const { snapshot, assumed, queue } = this.#parts;
    const { state, attempts } = attempt.waiting;
    const placement: Placement = { ...attempt, cycle, node };
    const promised = snapshot.nominatedNode(state.key);
    snapshot.nominate(state, undefined);
    snapshot.place(state, node);
    assumed.add(state.key);
    const waits = reserve(placement);
    if ('reason' in waits) {
      assumed.delete(state.key);
      snapshot.unplace(state.key);
      this.#track(hold(attempt.waiting, waits.plugin, waits.reason, this.#parts));
      return;
    }
    if (promised !== undefined && promised !== node) queue.wake(leaving(state.pod, promised));
    this.#ctx.log.debug('pod placed', { pod: state.key, node, attempts, latencyMs: tookMs });
    this.#track(bindingCycle(placement, waits, this.#parts));
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    work.finally(() => this.#underWay.delete(work));
  }
}
