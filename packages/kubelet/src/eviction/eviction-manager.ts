/** Watches the node for shortage and ends Pods before the kernel does. Source: kubernetes pkg/kubelet/eviction. */
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, sleep } from '@kapella/base';
import type { EventRecorder } from '@kapella/client';
import type { KubeletConfig } from '../config/kubelet-config.ts';
import { isCritical } from '../lifecycle/priority.ts';
import { toleratesTaint } from '../lifecycle/taints.ts';
import { computeQos } from '../lifecycle/qos.ts';
import type { StatsProvider } from '../stats/stats-provider.ts';
import type { PodStats } from '../stats/summary.ts';
import { hasStorageLimits, judgeLocalStorage } from './local-storage.ts';
import { type EvictionText, pressureText } from './messages.ts';
import {
  noPressure,
  type Observations,
  observationsOf,
  planPressure,
  type Starved,
  thresholdsMet,
} from './plan-eviction.ts';
import { rankForEviction } from './rank.ts';
import { parseThresholds, type PressureCondition, resourceOf, type Threshold } from './thresholds.ts';

const PERIOD_MS = 10_000;
const CLEAN_UP_MS_MAX = 30_000;
const CLEAN_UP_POLL_MS = 1000;
/** Containers of a Pod that is evicted at once. */
const HARD_GRACE_SECONDS = 1;
const REASON = 'Evicted';

export interface EvictionVerdict {
  readonly reason: string;
  readonly message: string;
  readonly graceSeconds: number;
  /** Told in the Pod's DisruptionTarget condition, too. */
  readonly disruption?: boolean;
}

/** A Pod that runs here. */
export interface EvictionCandidate {
  readonly pod: Pod;
  evict(verdict: EvictionVerdict): void;
  /** Its containers have ended and their room is free. */
  isCleanedUp(): boolean;
}

export interface EvictionDeps {
  readonly config: KubeletConfig;
  readonly stats: StatsProvider;
  readonly recorder: EventRecorder;
  readonly subject: Parameters<EventRecorder['event']>[0];
  candidates(): readonly EvictionCandidate[];
  /** Images and ended containers that nobody needs: tried before any Pod. */
  reclaimDisk(ctx: Ctx): Promise<void>;
  /** Counts for the metric kubelet_evictions. */
  onEvicted?(signal: string): void;
  /** The node's status says something else now. */
  onConditions?(): void;
}

export interface EvictionManager {
  conditions(): ReadonlySet<PressureCondition>;
  /** Why a Pod is not taken while the node is short of something. */
  judge(pod: Pod): string | undefined;
  /** One look; answers the Pods that were told to end. */
  check(ctx: Ctx): Promise<readonly EvictionCandidate[]>;
  run(ctx: Ctx): Promise<void>;
}

export const createEvictionManager = (deps: EvictionDeps): EvictionManager => new Manager(deps);

class Manager implements EvictionManager {
  readonly #deps: EvictionDeps;
  readonly #thresholds: readonly Threshold[];
  #state = noPressure;
  #conditions: ReadonlySet<PressureCondition> = new Set();
  #dedicatedImageFs: boolean | undefined;

  constructor(deps: EvictionDeps) {
    this.#deps = deps;
    this.#thresholds = parseThresholds(deps.config);
  }

  conditions(): ReadonlySet<PressureCondition> {
    return this.#conditions;
  }

  judge(pod: Pod): string | undefined {
    if (this.#conditions.size === 0 || isCritical(pod)) return undefined;
    if (this.#conditions.size === 1 && this.#conditions.has('MemoryPressure')) {
      if (computeQos(pod.spec) !== 'BestEffort') return undefined;
      const taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' } as const;
      if (toleratesTaint(pod.spec.tolerations, taint)) return undefined;
    }
    return `The node had condition: [${[...this.#conditions].join(' ')}]. `;
  }

  async check(ctx: Ctx): Promise<readonly EvictionCandidate[]> {
    const { config, stats } = this.#deps;
    this.#dedicatedImageFs ??= await stats.hasDedicatedImageFs();
    const observations = observationsOf(await stats.node(ctx));
    const plan = planPressure({
      thresholds: this.#thresholds,
      observations,
      state: this.#state,
      transitionPeriodMs: config.evictionPressureTransitionPeriodMs,
      nowMs: ctx.clock.monotonicMs(),
    });
    this.#state = plan.state;
    this.#setConditions(plan.conditions);
    if (config.localStorageCapacityIsolation) {
      const over = await this.#evictGreedy(ctx);
      if (over.length > 0) return over;
    }
    return plan.starved === undefined ? [] : await this.#relieve(plan.starved, plan.met, observations, ctx);
  }

  #setConditions(conditions: ReadonlySet<PressureCondition>): void {
    const before = [...this.#conditions].sort().join();
    this.#conditions = conditions;
    if (before !== [...conditions].sort().join()) this.#deps.onConditions?.();
  }

  /** Pods beyond their own limits on local storage, whether or not the node is short of it. */
  async #evictGreedy(ctx: Ctx): Promise<readonly EvictionCandidate[]> {
    const limited = this.#deps.candidates().filter(({ pod }) => hasStorageLimits(pod));
    if (limited.length === 0) return [];
    const uids = new Set(limited.map(({ pod }) => pod.metadata.uid));
    const only = (pod: Pod) => uids.has(pod.metadata.uid);
    const found = byUid(await this.#deps.stats.pods({ fresh: true, only }, ctx));
    return limited.filter((candidate) => {
      const stats = found.get(candidate.pod.metadata.uid);
      if (stats === undefined) return false;
      const verdict = judgeLocalStorage(candidate.pod, stats, this.#dedicatedImageFs === true);
      if (verdict === undefined) return false;
      return this.#evict(candidate, { message: verdict.message, annotations: {} }, HARD_GRACE_SECONDS, verdict.signal);
    });
  }

  async #relieve(
    starved: Starved,
    met: readonly Threshold[],
    observations: Observations,
    ctx: Ctx,
  ): Promise<readonly EvictionCandidate[]> {
    const { recorder, subject, stats, config } = this.#deps;
    const { signal } = starved.threshold;
    recorder.event(subject, 'Warning', 'EvictionThresholdMet', `Attempting to reclaim ${starved.resource}`);
    if (await this.#reclaims(signal, ctx)) return [];
    const candidates = this.#deps.candidates();
    const found = byUid(await stats.pods({}, ctx));
    const statsOf = (pod: Pod) => found.get(pod.metadata.uid);
    const pods = candidates.map(({ pod }) => pod);
    for (const pod of rankForEviction(pods, statsOf, signal, this.#dedicatedImageFs === true)) {
      const candidate = candidates.find((one) => one.pod === pod) as EvictionCandidate;
      const text = pressureText(starved, pod, statsOf(pod), met, observations);
      const soft = Math.min(config.evictionMaxPodGracePeriod, pod.spec.terminationGracePeriodSeconds ?? 30);
      const grace = starved.hard ? HARD_GRACE_SECONDS : soft;
      if (this.#evict(candidate, text, grace, signal, true)) return [candidate];
    }
    ctx.log.warn('node is short of something and no pod can be evicted', { signal });
    return [];
  }

  /** Whether what nobody needs was enough. */
  async #reclaims(signal: Threshold['signal'], ctx: Ctx): Promise<boolean> {
    const resource = resourceOf(signal);
    const imagesElsewhere = this.#dedicatedImageFs === true && signal.startsWith('nodefs.');
    if ((resource !== 'ephemeral-storage' && resource !== 'inodes') || imagesElsewhere) return false;
    try {
      await this.#deps.reclaimDisk(ctx);
    } catch (error) {
      ctx.signal.throwIfAborted();
      ctx.log.warn('images not removed', { error: describeError(error) });
    }
    const after = observationsOf(await this.#deps.stats.node(ctx));
    return thresholdsMet(this.#thresholds, after, true).length === 0;
  }

  #evict(
    candidate: EvictionCandidate,
    { message, annotations }: EvictionText,
    graceSeconds: number,
    signal: string,
    disruption = false,
  ): boolean {
    const { pod } = candidate;
    if (isCritical(pod)) return false;
    const about = { kind: 'Pod', apiVersion: 'v1', metadata: pod.metadata };
    this.#deps.recorder.event(about, 'Warning', REASON, message, { annotations });
    candidate.evict({ reason: REASON, message, graceSeconds, disruption });
    this.#deps.onEvicted?.(signal);
    return true;
  }

  async run(ctx: Ctx): Promise<void> {
    while (!ctx.signal.aborted) {
      try {
        const evicted = await this.check(ctx);
        if (evicted.length > 0) {
          await cleanedUp(evicted, ctx);
          continue;
        }
      } catch (error) {
        if (!ctx.signal.aborted) ctx.log.warn('node pressure not known', { error: describeError(error) });
      }
      await sleep(PERIOD_MS, ctx).catch(() => {});
    }
  }
}

const byUid = (stats: readonly PodStats[]): ReadonlyMap<string, PodStats> =>
  new Map(stats.map((one) => [one.podRef.uid, one]));

/** The next look comes when the room of these is free: else the next Pod would go for the same reason. */
async function cleanedUp(evicted: readonly EvictionCandidate[], ctx: Ctx): Promise<void> {
  const untilMs = ctx.clock.monotonicMs() + CLEAN_UP_MS_MAX;
  while (!ctx.signal.aborted && ctx.clock.monotonicMs() < untilMs) {
    await sleep(CLEAN_UP_POLL_MS, ctx).catch(() => {});
    if (evicted.every((candidate) => candidate.isCleanedUp())) return;
  }
}
