/**
 * Brings one Pod from its spec to running containers and, in the end, to nothing. One step at a time: look, decide
 * (plan.ts), report, act, look again. Source: kubernetes pkg/kubelet/pod_workers.go, kubelet.go (SyncPod and friends).
 */
import { coreV1 } from '@kapella/api';
import type { Pod, PodStatus } from '@kapella/api/types/core-v1';
import { childCtx, type Ctx, describeError, isReason, type Timer } from '@kapella/base';
import {
  type Allocation,
  allocationOf,
  initialAllocation,
  type PendingResize,
  type ResizeInProgress,
  withAllocation,
} from '../lifecycle/allocation.ts';
import { DEADLINE_VERDICT, deadlineMs, graceSeconds, isFinished, mayRun } from '../lifecycle/activity.ts';
import { nothingObserved, type ObservedContainer, type ObservedPod } from '../lifecycle/observed.ts';
import { composePodStatus, podIpsOf } from '../lifecycle/pod-status.ts';
import type { MountedVolume } from '../volumes/volume.ts';
import { removeRuntimePod, stopSandboxes } from './clean-up.ts';
import type { PodDeps } from './deps.ts';
import { podEvents } from './events.ts';
import { killAll } from './kill.ts';
import { newlyEnded, observePod } from './observe.ts';
import { newSyncState, probeTarget, syncPod, type SyncOutcome, type SyncState } from './sync-pod.ts';
import { resizeText } from '../lifecycle/resize-text.ts';
import { disruptionOf, type Verdict } from './verdict.ts';
import { isContradicted, matters } from './pod-news.ts';
import { containerTypeOf } from './start-container.ts';

const FAILED_RETRY_MS = 1000;
const FAILED_RETRY_MS_MAX = 30_000;

export type WorkerPhase = 'running' | 'terminating' | 'finished' | 'gone';

const STEP_NAMES = { running: 'sync', terminating: 'terminating', finished: 'terminated', gone: 'terminated' } as const;

/** The node as all its Pods share it. */
export interface SharedRoom {
  /** Why the Pod cannot have what it asks for now. */
  judgeResize(pod: Pod): PendingResize | undefined;
  /** A Pod is over, or has less than before: others may have what they wait for. */
  changed(): void;
  /** Settles when those that make room for the Pod are gone. */
  freed(podUid: string): Promise<void>;
}

export class PodWorker {
  readonly uid: string;
  /** With the resources it was given, whatever it asks for by now. */
  #pod: Pod;
  #wanted: Pod;
  #allocation: Allocation;
  #pendingResize: PendingResize | undefined;
  #resizeInProgress: ResizeInProgress | undefined;
  #phase: WorkerPhase = 'running';
  /** The API has it no more (or never had): nothing is left to report to. */
  #vanished: boolean;
  #verdict: Verdict | undefined;
  #rejected = false;
  /** Has what it asks for of devices and the like. */
  #admitted = false;
  #observed: ObservedPod = nothingObserved;
  #status: PodStatus | undefined;
  #look = true;
  #dirty = true;
  #failures = 0;
  #wakeUp: (() => void) | undefined;
  #timer: Timer | undefined;
  #syncAbort = new AbortController();
  #killAbort: AbortController | undefined;
  readonly #ended = new Map<string, ObservedContainer>();
  readonly #hooked = new Set<string>();
  readonly #state: SyncState = newSyncState();
  readonly #ending = Promise.withResolvers<void>();
  /** When a Pod that is new here was first seen; undefined once it runs, and for all others. */
  #seenAtMs: number | undefined;
  readonly #room: SharedRoom;
  readonly #deps: PodDeps;
  readonly #ctx: Ctx;

  constructor(pod: Pod, vanished: boolean, room: SharedRoom, deps: PodDeps, ctx: Ctx) {
    this.uid = pod.metadata.uid;
    this.#wanted = pod;
    this.#allocation = deps.allocations?.of(this.uid) ?? initialAllocation(pod);
    if (!vanished) deps.allocations?.keep(this.uid, this.#allocation);
    this.#pod = withAllocation(pod, this.#allocation);
    // Decided in the first step, when all other Pods are known.
    const unfinished = pod.status?.conditions?.find(({ type }) => type === 'PodResizeInProgress');
    if (unfinished?.status === 'True') {
      this.#resizeInProgress = { generation: unfinished.observedGeneration ?? 0, error: unfinished.message ?? '' };
    }
    if (this.#pod !== pod) this.#pendingResize = { reason: 'Deferred', message: '' };
    this.#room = room;
    this.#vanished = vanished;
    this.#deps = deps;
    this.#ctx = ctx;
    if (pod.status?.startTime === undefined) this.#seenAtMs = ctx.clock.monotonicMs();
  }

  get pod(): Pod {
    return this.#status === undefined ? this.#pod : { ...this.#pod, status: this.#status };
  }

  get observed(): ObservedPod {
    return this.#observed;
  }

  /** As they were last mounted. */
  get volumes(): ReadonlyMap<string, MountedVolume> {
    return this.#state.volumes;
  }

  /** Taken, and nobody has asked for its end. */
  get isActive(): boolean {
    return this.#phase === 'running' && !this.#mustEnd;
  }

  get phase(): WorkerPhase {
    return this.#phase;
  }

  /** Its requests and host ports count: it was taken, and is not over. */
  get holdsRoom(): boolean {
    return !this.#rejected && (this.#phase === 'running' || this.#phase === 'terminating');
  }

  /** Settles when its requests count no more. */
  get roomGivenBack(): Promise<void> {
    return this.#ending.promise;
  }

  /** The API's newest version. */
  update(pod: Pod): void {
    const old = this.#wanted;
    this.#take(pod);
    if (pod.metadata.deletionTimestamp !== undefined)
      this.#endRunning(graceSeconds(pod, undefined) < graceSeconds(old, undefined));
    if (matters(old, pod) || isContradicted(this.#status, pod)) this.wake(false);
  }

  /** Gives the Pod what it asks for, as far as the node has it. */
  #take(pod: Pod): void {
    this.#wanted = pod;
    const wanted = allocationOf(pod);
    const isResize = withAllocation(pod, this.#allocation) !== pod;
    const pending = isResize ? this.#room.judgeResize(pod) : undefined;
    const generation = pod.metadata.generation ?? 0;
    const event = podEvents(this.#deps.recorder, pod);
    if (pending !== undefined && pending.reason !== this.#pendingResize?.reason) {
      const text = resizeText(pending.reason, pod, generation, pending.message);
      event('Warning', `Resize${pending.reason}`, text);
    }
    if (isResize && pending === undefined) {
      this.#resizeInProgress = { generation, error: '' };
      event('Normal', 'ResizeStarted', resizeText('started', pod, generation));
    }
    this.#pendingResize = pending;
    if (pending === undefined) this.#allocation = wanted;
    if (isResize && pending === undefined) this.#deps.allocations?.keep(this.uid, wanted);
    this.#pod = withAllocation(pod, this.#allocation);
    if (isResize && pending === undefined) this.#room.changed();
  }

  get waitsForRoom(): boolean {
    return this.#pendingResize?.reason === 'Deferred';
  }

  /** Its object was deleted. */
  vanish(last?: Pod): void {
    const old = this.#pod;
    if (last !== undefined) this.#pod = withAllocation(last, this.#allocation);
    this.#vanished = true;
    this.#endRunning(graceSeconds(this.#pod, undefined) < graceSeconds(old, undefined));
    this.wake(true);
  }

  /** Ends it with phase Failed: eviction, rejection. */
  fail(verdict: Verdict): void {
    this.#verdict ??= verdict;
    this.#endRunning(false);
    this.wake(false);
  }

  /** It was never taken: nothing of it is started, and it keeps no room from others. */
  reject(verdict: Verdict): void {
    this.#rejected = true;
    this.fail(verdict);
  }

  /** `look`: something in the runtime changed. */
  wake(look: boolean): void {
    this.#look ||= look;
    this.#dirty = true;
    this.#wakeUp?.();
  }

  /** The runtime answers again: what failed need not wait any longer. */
  retry(): void {
    if (this.#failures > 0) this.wake(true);
  }

  #endRunning(sooner: boolean): void {
    this.#syncAbort.abort(new Error('the Pod is being ended'));
    if (sooner) this.#killAbort?.abort(new Error('the grace period became shorter'));
  }

  get #mustEnd(): boolean {
    return this.#vanished || this.#verdict !== undefined || this.#pod.metadata.deletionTimestamp !== undefined;
  }

  /** Settles when nothing of the Pod is left or `ctx` aborts. Never throws. */
  async run(): Promise<void> {
    const { signal } = this.#ctx;
    const onAbort = () => this.#wakeUp?.();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted && this.#phase !== 'gone') {
      await this.#sleepUntilDirty();
      if (signal.aborted) break;
      this.#dirty = false;
      try {
        await this.#meteredStep();
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        this.#look = true;
        const retryMs = Math.min(FAILED_RETRY_MS * 2 ** this.#failures++, FAILED_RETRY_MS_MAX);
        this.#ctx.log.warn('pod step failed', { ...this.#logFields(), retryMs, error: describeError(error) });
        this.#wakeAt(this.#ctx.clock.nowMs() + retryMs);
      }
    }
    signal.removeEventListener('abort', onAbort);
    this.#timer?.cancel();
    this.#ending.resolve();
  }

  #logFields() {
    return { pod: `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`, uid: this.uid, phase: this.#phase };
  }

  async #sleepUntilDirty(): Promise<void> {
    if (this.#dirty) return;
    await new Promise<void>((resolve) => {
      this.#wakeUp = resolve;
    });
    this.#wakeUp = undefined;
  }

  #wakeAt(atMs: number | undefined): void {
    this.#timer?.cancel();
    if (atMs === undefined) return;
    const { clock } = this.#ctx;
    this.#timer = clock.setTimer(Math.max(0, atMs - clock.nowMs()), () => this.wake(false));
  }

  async #meteredStep(): Promise<void> {
    const { metrics } = this.#deps;
    const startMs = this.#ctx.clock.monotonicMs();
    const operation = STEP_NAMES[this.#phase];
    await this.#step();
    metrics?.workerStep(operation, (this.#ctx.clock.monotonicMs() - startMs) / 1000);
  }

  async #step(): Promise<void> {
    if (this.#look) await this.#observe();
    if (this.#phase === 'running' && this.#beginsToEnd()) this.#phase = 'terminating';
    if (this.waitsForRoom) this.#take(this.#wanted);
    if (this.#phase === 'running' && !this.#admitted) await this.#admit();
    if (this.#phase === 'running') await this.#sync();
    if (this.#phase === 'terminating') await this.#terminate();
    if (this.#phase === 'finished') await this.#finishUp();
  }

  #beginsToEnd(): boolean {
    if (this.#mustEnd || isFinished(this.#pod)) return true;
    const deadline = deadlineMs(this.#pod, this.#status?.startTime ?? this.#pod.status?.startTime);
    if (deadline === undefined || this.#ctx.clock.nowMs() < deadline) return false;
    podEvents(this.#deps.recorder, this.#pod)('Normal', DEADLINE_VERDICT.reason, DEADLINE_VERDICT.message);
    this.#verdict = DEADLINE_VERDICT;
    return true;
  }

  async #admit(): Promise<void> {
    await this.#room.freed(this.uid);
    if (this.#beginsToEnd()) {
      this.#phase = 'terminating';
      return;
    }
    const rejection = await this.#deps.grants?.admit(this.#pod, this.#ctx);
    this.#admitted = true;
    // What runs is not ended because the agent has lost its notes.
    if (rejection === undefined || mayRun(this.#observed)) return;
    const { reason, message } = rejection;
    podEvents(this.#deps.recorder, this.#pod)('Warning', reason, message);
    this.#deps.metrics?.rejected(reason);
    this.#rejected = true;
    this.#verdict ??= { reason, message: `Pod was rejected: ${message}` };
    this.#phase = 'terminating';
  }

  async #observe(): Promise<void> {
    const before = this.#observed;
    this.#look = false;
    const { cri, files, metrics } = this.#deps;
    const { clock } = this.#ctx;
    const startMs = clock.monotonicMs();
    this.#observed = await observePod(cri, this.uid, this.#ended, files, this.#ctx);
    metrics?.podRelisted((clock.monotonicMs() - startMs) / 1000);
    for (const ended of newlyEnded(this.#observed, before)) {
      metrics?.containerEnded(containerTypeOf(this.#pod, ended.name), ended.exitCode, ended.reason);
    }
  }

  /** Computes the status and hands it to the writer. True when the containers have come to their end. */
  #report(terminal: boolean): boolean {
    const { settings, prober, status: writer } = this.#deps;
    const { status, over } = composePodStatus({
      pod: this.#pod,
      observed: this.#observed,
      probes: (id, kind) => prober.result(id, kind),
      failures: this.#state.failures,
      previous: this.#status ?? this.#pod.status,
      runtimeName: settings.runtimeName,
      recursiveReadOnly: settings.recursiveReadOnly,
      healthOf: (container) => this.#deps.grants?.healthOf?.(this.#pod, container) ?? [],
      nowMs: this.#ctx.clock.nowMs(),
      terminal,
      hostIps: settings.hostIps,
      ...(this.#verdict === undefined
        ? {}
        : { verdict: { reason: this.#verdict.reason, message: this.#verdict.message } }),
      ...disruptionOf(this.#verdict),
      mayRun: !terminal && mayRun(this.#observed),
      ...(this.#pendingResize === undefined ? {} : { pendingResize: this.#pendingResize }),
      ...(this.#resizeInProgress === undefined ? {} : { resizeInProgress: this.#resizeInProgress }),
    });
    this.#status = status;
    if (this.#seenAtMs !== undefined && status.phase === 'Running') {
      this.#deps.metrics?.podStarted((this.#ctx.clock.monotonicMs() - this.#seenAtMs) / 1000);
      this.#seenAtMs = undefined;
    }
    if (!this.#vanished) writer.publish(this.#pod, status);
    return over;
  }

  async #sync(): Promise<void> {
    if (this.#report(false)) {
      this.#phase = 'terminating';
      return;
    }
    const waitCtx = childCtx(this.#ctx, this.#syncAbort.signal);
    const input = {
      pod: this.#pod,
      observed: this.#observed,
      podIps: this.#podIps(),
      hooked: this.#hooked,
      status: this.#status,
    };
    try {
      const outcome = await syncPod(input, this.#state, this.#deps, waitCtx, this.#ctx, async () => {
        await this.#observe();
        this.#report(false);
        return this.#observed;
      });
      this.#followResize(outcome);
      if (outcome.acted) this.wake(true);
      else this.#report(false);
      const deadline = deadlineMs(this.#pod, this.#status?.startTime);
      const times = [outcome.wakeAtMs, deadline].filter((ms) => ms !== undefined);
      this.#wakeAt(times.length === 0 ? undefined : Math.min(...times));
    } catch (error) {
      if (!this.#syncAbort.signal.aborted) throw error;
      this.wake(true); // what the interrupted step left behind is seen and ended by the next
    }
  }

  #followResize({ isResizing, resizeError }: SyncOutcome): void {
    const present = this.#resizeInProgress;
    if (present === undefined) return;
    const event = podEvents(this.#deps.recorder, this.#pod);
    if (!isResizing) {
      this.#resizeInProgress = undefined;
      event('Normal', 'ResizeCompleted', resizeText('completed', this.#pod, present.generation));
    } else if (resizeError !== '' && resizeError !== present.error) {
      this.#resizeInProgress = { ...present, error: resizeError };
      event('Warning', 'ResizeError', resizeText('error', this.#pod, present.generation, resizeError));
    }
  }

  #podIps(): readonly string[] {
    return podIpsOf(this.#pod, this.#observed.sandboxes[0]?.ips ?? [], this.#deps.settings.hostIps);
  }

  async #terminate(): Promise<void> {
    const { prober, cri } = this.#deps;
    if (this.#look) await this.#observe();
    // What is known to be over and does not run was reported by whoever saw it end.
    const settled = isFinished(this.#pod) && this.#status === undefined && !mayRun(this.#observed);
    if (!settled) this.#report(false);
    this.#timer?.cancel();
    prober.stopLivenessAndStartup(this.uid);
    await this.#killContainers();
    await stopSandboxes(this.#observed, cri, this.#ctx);
    prober.remove(this.uid);
    await this.#observe();
    if (mayRun(this.#observed)) throw new Error('containers still run after the runtime has stopped them');
    if (!settled) this.#report(true);
    await this.#deps.volumes.unmount(this.uid, this.#ctx);
    await this.#deps.grants?.release(this.uid, this.#ctx);
    await this.#deps.cgroups.remove(this.#pod);
    this.#deps.images.forget(this.uid);
    this.#phase = 'finished';
    this.#ending.resolve();
    this.#room.changed();
  }

  /** Started again whenever the grace period becomes shorter. */
  async #killContainers(): Promise<void> {
    for (;;) {
      const abort = new AbortController();
      this.#killAbort = abort;
      const override = this.#verdict?.graceSeconds;
      const input = {
        pod: this.#pod,
        observed: this.#observed,
        podIp: this.#podIps()[0] ?? '',
        hooked: this.#hooked,
        ...(override === undefined ? {} : { graceOverride: override }),
      };
      try {
        await killAll(input, this.#deps, childCtx(this.#ctx, abort.signal));
        return;
      } catch (error) {
        if (!abort.signal.aborted || this.#ctx.signal.aborted) throw error;
        await this.#observe();
      } finally {
        this.#killAbort = undefined;
      }
    }
  }

  /** A Pod that is over waits for its deletion; one that is deleted takes its traces with it. */
  async #finishUp(): Promise<void> {
    const { status, client, volumes, objects, settings, files, cri } = this.#deps;
    await status.flushed(this.uid);
    if (!this.#vanished && this.#pod.metadata.deletionTimestamp === undefined) return;
    if (!this.#vanished) {
      const options = { gracePeriodSeconds: 0, uid: this.uid };
      await client.delete(coreV1.Pod, this.#pod, this.#ctx, options).catch((error: unknown) => {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error;
      });
      // With finalizers it stays: the deletion event of the informer says when it is gone.
      if (this.#pod.metadata.finalizers?.length) return;
    }
    await removeRuntimePod(this.uid, cri, this.#ctx);
    await this.#deps.userNamespaces?.release(this.uid);
    await volumes.removePodDir(this.uid);
    const { namespace, name } = this.#pod.metadata;
    await files.remove(`${settings.logsDir}/${namespace}_${name}_${this.uid}`);
    objects.release(this.uid);
    status.forget(this.uid);
    this.#deps.allocations?.drop(this.uid);
    this.#phase = 'gone';
  }

  /** What the runtime keeps of a Pod that is over: its logs stay. */
  async releaseRuntime(): Promise<void> {
    if (this.#phase === 'finished') await removeRuntimePod(this.uid, this.#deps.cri, this.#ctx);
  }

  /** For the prober: called by the manager when it restarts. */
  get probed() {
    return probeTarget(this.#pod, this.#observed, this.#podIps());
  }
}
