/** Probes of all Pods of a node, each on its own timer of the injected clock. Source: kubernetes pkg/kubelet/prober. */
import type { Pod, Probe } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, type Timer } from '@kapella/base';
import type { EventRecorder } from '@kapella/client';
import type { KubeletMetrics, ProbedSeries } from '../metrics/kubelet-metrics.ts';
import type { ProbedContainer, ProbeKind, Prober, ProbeResult, ProbeTarget } from '../prober.ts';
import { type ProbeDrivers, type ProbeOutcome, runProbe } from './probe-runner.ts';
import { INITIAL_RESULT, type ProbeTiming, type Tally, tally, timingOf, unhealthyMessage } from './results.ts';

export interface ProbeManagerDeps {
  readonly drivers: ProbeDrivers;
  readonly events: EventRecorder;
  readonly metrics?: Pick<KubeletMetrics, 'probed' | 'forgetProbe'>;
}

interface Worker {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly timing: ProbeTiming;
  readonly container: ProbedContainer;
  target: ProbeTarget;
  tally: Tally;
  timer: Timer | undefined;
  /** Of the monotonic clock: when it is due. */
  dueMs: number;
  stopped: boolean;
}

const KINDS: readonly ProbeKind[] = ['startup', 'readiness', 'liveness'];

export function createProbeManager(deps: ProbeManagerDeps, ctx: Ctx): Prober {
  return new ProbeManager(deps, ctx);
}

class ProbeManager implements Prober {
  readonly #deps: ProbeManagerDeps;
  readonly #ctx: Ctx;
  /** By Pod uid, then `container id/kind`. */
  readonly #pods = new Map<string, Map<string, Worker>>();
  readonly #byKey = new Map<string, Worker>();
  readonly #listeners: ((podUid: string) => void)[] = [];
  /** Pods that terminate: only readiness is still probed. */
  readonly #ending = new Set<string>();

  constructor(deps: ProbeManagerDeps, ctx: Ctx) {
    this.#deps = deps;
    this.#ctx = ctx;
    ctx.signal.addEventListener('abort', () => this.#removeAll(), { once: true });
  }

  sync(target: ProbeTarget): void {
    const uid = target.pod.metadata.uid;
    const workers = this.#pods.get(uid) ?? new Map<string, Worker>();
    const kinds = this.#ending.has(uid) ? KINDS.filter((kind) => kind === 'readiness') : KINDS;
    const wanted = new Set<string>();
    for (const { key, kind, probe, container } of wantedProbes(target.containers, kinds)) {
      wanted.add(key);
      const known = workers.get(key);
      if (known === undefined) workers.set(key, this.#start(key, kind, probe, container, target));
      else known.target = target;
    }
    for (const [key, worker] of workers) if (!wanted.has(key)) this.#stop(workers, key, worker);
    if (workers.size > 0) this.#pods.set(uid, workers);
    else this.#pods.delete(uid);
  }

  stopLivenessAndStartup(podUid: string): void {
    this.#ending.add(podUid);
    const workers = this.#pods.get(podUid) ?? new Map<string, Worker>();
    for (const [key, worker] of workers) if (worker.kind !== 'readiness') this.#stop(workers, key, worker);
  }

  remove(podUid: string): void {
    this.#ending.delete(podUid);
    const workers = this.#pods.get(podUid) ?? new Map<string, Worker>();
    for (const [key, worker] of workers) this.#stop(workers, key, worker);
    this.#pods.delete(podUid);
  }

  #removeAll(): void {
    for (const uid of [...this.#pods.keys()]) this.remove(uid);
  }

  result(containerId: string, kind: ProbeKind): ProbeResult | undefined {
    return this.#byKey.get(`${containerId}/${kind}`)?.tally.result;
  }

  onChange(fn: (podUid: string) => void): void {
    this.#listeners.push(fn);
  }

  #start(key: string, kind: ProbeKind, probe: Probe, container: ProbedContainer, target: ProbeTarget): Worker {
    const timing = timingOf(probe);
    const initial: Tally = { result: INITIAL_RESULT[kind], last: undefined, run: 0 };
    const fresh = { timer: undefined, dueMs: 0, stopped: false };
    const worker: Worker = { kind, probe, timing, container, target, tally: initial, ...fresh };
    this.#byKey.set(key, worker);
    const sinceStartMs = this.#ctx.clock.nowMs() - container.startedAtMs;
    this.#schedule(worker, Math.max(0, timing.initialDelayMs - sinceStartMs));
    return worker;
  }

  #stop(workers: Map<string, Worker>, key: string, worker: Worker): void {
    worker.stopped = true;
    worker.timer?.cancel();
    workers.delete(key);
    this.#byKey.delete(key);
    this.#deps.metrics?.forgetProbe(seriesOf(worker));
  }

  #schedule(worker: Worker, delayMs: number): void {
    worker.dueMs = this.#ctx.clock.monotonicMs() + delayMs;
    worker.timer = this.#ctx.clock.setTimer(delayMs, () => {
      this.#probeOnce(worker).catch((error) => {
        this.#ctx.log.error('probe worker failed', {
          pod: worker.target.pod.metadata.name,
          error: describeError(error),
        });
      });
    });
  }

  async #probeOnce(worker: Worker): Promise<void> {
    if (worker.stopped) return;
    if (this.#mayRun(worker)) {
      const startMs = this.#ctx.clock.monotonicMs();
      const { outcome, isError } = await this.#run(worker);
      const seconds = (this.#ctx.clock.monotonicMs() - startMs) / 1000;
      const word = outcome.result === 'success' ? 'successful' : 'failed';
      if (worker.stopped) return;
      this.#deps.metrics?.probed(seriesOf(worker), isError ? 'unknown' : word, seconds);
      this.#take(worker, outcome, isError);
    }
    // A startup probe that has succeeded is done.
    const isDone = worker.kind === 'startup' && worker.tally.result === 'success';
    if (!worker.stopped && !isDone) this.#schedule(worker, this.#untilNextBeat(worker));
  }

  /** Beats keep their distance however long a probe takes; one that is missed is left out. */
  #untilNextBeat({ dueMs, timing }: Worker): number {
    const lateMs = Math.max(0, this.#ctx.clock.monotonicMs() - dueMs);
    return timing.periodMs - (lateMs % timing.periodMs);
  }

  /** Liveness and readiness wait for the startup probe. */
  #mayRun({ kind, container }: Worker): boolean {
    if (kind === 'startup' || container.spec.startupProbe === undefined) return true;
    return this.result(container.containerId, 'startup') === 'success';
  }

  async #run({ probe, container, target, timing }: Worker): Promise<{ outcome: ProbeOutcome; isError: boolean }> {
    const at = { pod: target.pod, podIp: target.podIp, container: container.spec, containerId: container.containerId };
    try {
      return { outcome: await runProbe(probe, at, timing.timeoutMs, this.#deps.drivers, this.#ctx), isError: false };
    } catch (error) {
      return { outcome: { result: 'failure', output: describeError(error) }, isError: true };
    }
  }

  #take(worker: Worker, outcome: ProbeOutcome, isError: boolean): void {
    const { pod } = worker.target;
    if (outcome.result === 'failure') {
      const message = unhealthyMessage(worker.kind, outcome.output, isError);
      this.#deps.events.event(pod, 'Warning', 'Unhealthy', message, {
        fieldPath: fieldPathOf(pod, worker.container.spec.name),
      });
    }
    const before = worker.tally.result;
    worker.tally = tally(worker.tally, outcome.result, worker.timing);
    if (worker.tally.result === before) return;
    if (worker.kind === 'startup' && worker.tally.result === 'success') this.#hurry(worker);
    for (const listener of this.#listeners) listener(pod.metadata.uid);
  }

  /** The container has started: its other probes need not wait for their period. */
  #hurry(startup: Worker): void {
    const workers = this.#pods.get(startup.target.pod.metadata.uid) ?? new Map<string, Worker>();
    for (const worker of workers.values()) {
      if (worker.kind === 'startup' || worker.container.containerId !== startup.container.containerId) continue;
      worker.timer?.cancel();
      this.#schedule(worker, 0);
    }
  }
}

function seriesOf({ kind, container, target }: Worker): ProbedSeries {
  const { name, namespace = '', uid } = target.pod.metadata;
  return { kind, container: container.spec.name, pod: name, namespace, uid };
}

interface WantedProbe {
  readonly key: string;
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly container: ProbedContainer;
}

function wantedProbes(containers: readonly ProbedContainer[], kinds: readonly ProbeKind[]): WantedProbe[] {
  return containers.flatMap((container) =>
    kinds.flatMap((kind) => {
      const probe = probeOf(container, kind);
      return probe === undefined ? [] : [{ key: `${container.containerId}/${kind}`, kind, probe, container }];
    }),
  );
}

function probeOf({ spec }: ProbedContainer, kind: ProbeKind): Probe | undefined {
  if (kind === 'startup') return spec.startupProbe;
  return kind === 'readiness' ? spec.readinessProbe : spec.livenessProbe;
}

function fieldPathOf(pod: Pod, container: string): string {
  const isInit = pod.spec.initContainers?.some((c) => c.name === container) === true;
  return `spec.${isInit ? 'initContainers' : 'containers'}{${container}}`;
}
