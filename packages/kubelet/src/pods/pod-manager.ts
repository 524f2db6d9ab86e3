/** The Pods of this node: a worker each, fed by the API and by the runtime. Source: kubernetes pkg/kubelet/kubelet.go, pleg. */
import type { Pod } from '@kapella/api/types/core-v1';
import { type Clock, type Ctx, describeError, sleep } from '@kapella/base';
import type { Informer } from '@kapella/client';
import type { CriContainer, CriEvent, CriSandbox } from '../cri/cri.ts';
import { isFinished } from '../lifecycle/activity.ts';
import { judgeAdmission, judgeFit, lacksOf, type NodeRoom, type Rejection } from '../lifecycle/admission.ts';
import { judgeResize } from '../lifecycle/allocation.ts';
import { restorePod } from '../lifecycle/labels.ts';
import { noVictims, planPreemption, PREEMPTED } from '../lifecycle/preemption.ts';
import { isCritical } from '../lifecycle/priority.ts';
import type { PodDeps } from './deps.ts';
import { fullName, isOfFile } from '../static-pods/static-pod.ts';
import { podEvents } from './events.ts';
import { PodWorker, type SharedRoom } from './pod-worker.ts';

const SAFETY_LIST_MS = 60_000;
const LIST_AGE_MS_MAX = 3 * 60_000;
const LISTS_FAIL_RETRY_MS = 1000;
/** The runtime may tell of an exit before it shows it. */
const LOOK_AGAIN_MS = [15, 40, 100, 300, 1000] as const;

export interface PodManager {
  workers(): readonly PodWorker[];
  worker(namespace: string, name: string): PodWorker | undefined;
  byUid(uid: string): PodWorker | undefined;
  /** Why the Pods may be out of step with the runtime; undefined = they are not. */
  problem(): string | undefined;
  /** Settles when `ctx` aborts and all workers have stopped. Containers go on running. */
  run(ctx: Ctx): Promise<void>;
}

export type PodSource = Pick<Informer<Pod>, 'subscribe' | 'synced'>;

export interface PodManagerOptions {
  /** Pods whose spec.nodeName is this node. */
  readonly pods: PodSource;
  readonly deps: PodDeps;
  /** What else may speak against a Pod: pressure, taints. The first answer counts. */
  readonly gates?: readonly AdmissionGate[];
}

export type AdmissionGate = (pod: Pod) => Rejection | undefined;

interface Listing {
  readonly sandboxes: readonly CriSandbox[];
  readonly containers: readonly CriContainer[];
}

export const createPodManager = (options: PodManagerOptions): PodManager => new Manager(options);

class Manager implements PodManager {
  readonly #pods: PodSource;
  readonly #deps: PodDeps;
  readonly #gates: readonly AdmissionGate[];
  readonly #workers = new Map<string, PodWorker>();
  readonly #running = new Set<Promise<void>>();
  readonly #gaps = createGapSignal();
  readonly #room: SharedRoom = {
    judgeResize: (pod) => judgeResize(pod, this.#others(pod.metadata.uid), this.#nodeRoom()),
    changed: () => {
      for (const worker of this.#workers.values()) if (worker.waitsForRoom) worker.wake(false);
    },
    freed: async (podUid) => {
      await Promise.all(this.#making.get(podUid) ?? []);
      this.#making.delete(podUid);
    },
  };
  /** Critical Pods that were let in, and the ends of those that must go first. */
  readonly #making = new Map<string, readonly Promise<void>[]>();
  /** Container or sandbox id to Pod uid. */
  #podOf = new Map<string, string>();

  #listedAtMs: number | undefined;
  #clock: Clock | undefined;

  constructor({ pods, deps, gates = [] }: PodManagerOptions) {
    this.#gates = gates;
    this.#pods = pods;
    this.#deps = deps;
  }

  workers(): readonly PodWorker[] {
    return [...this.#workers.values()];
  }

  worker(namespace: string, name: string): PodWorker | undefined {
    return this.workers().findLast(
      ({ pod: { metadata } }) => metadata.name === name && metadata.namespace === namespace,
    );
  }

  problem(): string | undefined {
    const lastMs = this.#listedAtMs;
    if (lastMs === undefined || this.#clock === undefined) return 'the runtime was not listed yet';
    const agoMs = this.#clock.monotonicMs() - lastMs;
    return agoMs < LIST_AGE_MS_MAX ? undefined : `pleg was last seen active ${Math.round(agoMs / 1000)}s ago`;
  }

  byUid(uid: string): PodWorker | undefined {
    return this.#workers.get(uid);
  }

  async run(ctx: Ctx): Promise<void> {
    this.#clock = ctx.clock;
    const { prober, objects, cri } = this.#deps;
    await this.#pods.synced(ctx);
    prober.onChange((uid) => this.#workers.get(uid)?.wake(false));
    objects.onChange((uids) => {
      for (const uid of uids) this.#workers.get(uid)?.wake(false);
    });
    const unsubscribe = this.#pods.subscribe({
      add: (pod) => this.#arrive(pod, ctx),
      update: (pod) => this.#arrive(pod, ctx),
      delete: (pod) => this.#workers.get(pod.metadata.uid)?.vanish(pod),
    });
    await Promise.all([
      cri.watch((event) => this.#onEvent(event, ctx), this.#gaps.raise, ctx),
      reconcileLoop(this.#gaps, (own) => this.#reconcile(own), ctx),
    ]);
    unsubscribe();
    await Promise.all(this.#running);
  }

  #arrive(pod: Pod, ctx: Ctx): void {
    const worker = this.#workers.get(pod.metadata.uid);
    if (worker !== undefined) {
      worker.update(pod);
      return;
    }
    this.#followPredecessor(pod);
    const rejection = this.#judge(pod);
    if (rejection !== undefined) {
      this.#deps.metrics?.rejected(rejection.reason);
      podEvents(this.#deps.recorder, pod)('Warning', rejection.reason, rejection.message);
      ctx.log.info('pod rejected', { pod: `${pod.metadata.namespace}/${pod.metadata.name}`, ...rejection });
    }
    this.#start(pod, false, ctx);
    if (rejection === undefined) return;
    const message = `Pod was rejected: ${rejection.message}`;
    this.#workers.get(pod.metadata.uid)?.reject({ reason: rejection.reason, message });
  }

  /** A file that has changed is another Pod of the same name: it begins when the one before has ended. */
  #followPredecessor(pod: Pod): void {
    if (!isOfFile(pod)) return;
    const before = this.workers().filter((worker) => fullName(worker.pod) === fullName(pod));
    if (before.length === 0) return;
    this.#making.set(
      pod.metadata.uid,
      before.map((worker) => worker.roomGivenBack),
    );
  }

  /** A Pod that was taken before stays, also when this agent has begun anew. */
  #judge(pod: Pod): Rejection | undefined {
    const { deletionTimestamp } = pod.metadata;
    if (pod.status?.startTime !== undefined || deletionTimestamp !== undefined || isFinished(pod)) return undefined;
    for (const gate of this.#gates) {
      const rejection = gate(pod);
      if (rejection !== undefined) return rejection;
    }
    const successor = isOfFile(pod) ? fullName(pod) : undefined;
    const others = this.#others(pod.metadata.uid).filter((other) => fullName(other) !== successor);
    const rejection = judgeAdmission(pod, others, this.#nodeRoom());
    return rejection === undefined || !isCritical(pod) ? rejection : this.#preempt(pod, others);
  }

  /** A critical Pod is not refused for want of room: others go. undefined = they do, or nothing is lacking. */
  #preempt(pod: Pod, others: readonly Pod[]): Rejection | undefined {
    const unfit = judgeFit(pod, others);
    if (unfit !== undefined) return unfit;
    const lacks = lacksOf(pod, others, this.#nodeRoom());
    const victims = planPreemption(pod, others, lacks);
    if (victims === undefined) return { reason: 'UnexpectedAdmissionError', message: noVictims(lacks) };
    const workers = victims.flatMap(({ metadata }) => this.#workers.get(metadata.uid) ?? []);
    for (const worker of workers) {
      podEvents(this.#deps.recorder, worker.pod)('Warning', PREEMPTED.reason, PREEMPTED.message);
      this.#deps.metrics?.preempted(lacks[0]?.name ?? '');
      worker.fail(PREEMPTED);
    }
    const ends = workers.map((worker) => worker.roomGivenBack);
    this.#making.set(pod.metadata.uid, [...(this.#making.get(pod.metadata.uid) ?? []), ...ends]);
    return undefined;
  }

  #others(uid: string): readonly Pod[] {
    return this.workers()
      .filter((worker) => worker.holdsRoom && worker.uid !== uid)
      .map((worker) => worker.pod);
  }

  #nodeRoom(): NodeRoom {
    const { allocatable, podsMax } = this.#deps.settings;
    return { ...allocatable, podsMax };
  }

  #start(pod: Pod, vanished: boolean, ctx: Ctx): void {
    const worker = new PodWorker(pod, vanished, this.#room, this.#deps, ctx);
    // It begins in the same turn of the event loop in which the Pod was seen.
    if (!vanished) this.#deps.metrics?.workerStarted(pod.spec.containers.length, 0);
    this.#workers.set(worker.uid, worker);
    const done: Promise<void> = worker.run().then(() => {
      this.#running.delete(done);
      const current = this.#workers.get(worker.uid) === worker;
      if (current && worker.phase === 'gone') this.#workers.delete(worker.uid);
    });
    this.#running.add(done);
  }

  async #list(ctx: Ctx): Promise<Listing> {
    const { cri, metrics } = this.#deps;
    const { clock } = ctx;
    const startMs = clock.monotonicMs();
    const [sandboxes, containers] = await Promise.all([cri.listPodSandboxes({}, ctx), cri.listContainers({}, ctx)]);
    const lastMs = this.#listedAtMs;
    const sinceLast = lastMs === undefined ? undefined : (startMs - lastMs) / 1000;
    metrics?.relisted((clock.monotonicMs() - startMs) / 1000, sinceLast, clock.nowMs() / 1000);
    const ids = new Map(sandboxes.map(({ id, podUid }) => [id, podUid]));
    const owners = containers.map(({ id, sandboxId }) => [id, ids.get(sandboxId) ?? ''] as const);
    for (const [id, uid] of owners) ids.set(id, uid);
    this.#podOf = ids;
    this.#listedAtMs = ctx.clock.monotonicMs();
    return { sandboxes, containers };
  }

  /** Wakes the workers whose picture differs from the list; ends what no Pod of the API owns. */
  async #reconcile(ctx: Ctx): Promise<void> {
    const { sandboxes, containers } = await this.#list(ctx);
    const pictures = new Map<string, string[]>();
    const add = (uid: string, line: string) => pictures.set(uid, [...(pictures.get(uid) ?? []), line]);
    for (const { id, podUid, state } of sandboxes) add(podUid, `${id} ${state === 'ready'}`);
    for (const { id, state } of containers) add(this.#podOf.get(id) ?? '', `${id} ${state}`);
    for (const worker of this.#workers.values()) {
      if (pictureOf(worker) !== (pictures.get(worker.uid) ?? []).sort().join('\n')) worker.wake(true);
      else worker.retry();
    }
    for (const sandbox of sandboxes) {
      if (this.#workers.has(sandbox.podUid)) continue;
      const own = containers.filter(({ sandboxId }) => sandboxId === sandbox.id);
      ctx.log.info('ending pod that the API does not have', { pod: `${sandbox.podNamespace}/${sandbox.podName}` });
      this.#deps.metrics?.orphanFound();
      this.#start(restorePod(sandbox.labels, own), true, ctx);
    }
  }

  /** Also of what was made since the last list: the worker that made it has seen it. */
  #ownerOf(id: string): PodWorker | undefined {
    const known = this.#podOf.get(id);
    if (known !== undefined) return this.#workers.get(known);
    const owner = this.workers().find((worker) => knows(worker, id));
    if (owner !== undefined) this.#podOf.set(id, owner.uid);
    return owner;
  }

  #onEvent(event: CriEvent, ctx: Ctx): void {
    if (event.podUid !== '') {
      this.#podOf.set(event.id, event.podUid);
      this.#workers.get(event.podUid)?.wake(true);
      return;
    }
    if (event.type === 'created' || event.type === 'deleted') return; // of our own doing
    this.#ownerOf(event.id)?.wake(true);
    if (event.type !== 'stopped') return;
    for (const delayMs of LOOK_AGAIN_MS) ctx.clock.setTimer(delayMs, () => this.#lookAgain(event.id, delayMs));
  }

  #lookAgain(id: string, delayMs: number): void {
    const owner = this.#ownerOf(id);
    if (owner !== undefined && stillRuns(owner, id)) owner.wake(true);
    else if (owner === undefined && delayMs === LOOK_AGAIN_MS.at(-1)) this.#gaps.raise();
  }
}

function pictureOf({ observed }: PodWorker): string {
  const lines = observed.sandboxes.map(({ id, ready }) => `${id} ${ready}`);
  for (const { id, state } of observed.containers) lines.push(`${id} ${state}`);
  return lines.sort().join('\n');
}

const knows = ({ observed }: PodWorker, id: string) =>
  observed.containers.some((container) => container.id === id) ||
  observed.sandboxes.some((sandbox) => sandbox.id === id);

const stillRuns = ({ observed }: PodWorker, id: string) =>
  observed.containers.some((container) => container.id === id && container.state === 'running') ||
  observed.sandboxes.some((sandbox) => sandbox.id === id && sandbox.ready);

interface GapSignal {
  raise(): void;
  wait(timeOutMs: number, ctx: Ctx): Promise<void>;
}

function createGapSignal(): GapSignal {
  let raised = false;
  let notify: (() => void) | undefined;
  return {
    raise() {
      raised = true;
      notify?.();
    },
    async wait(timeOutMs, ctx) {
      if (!raised) {
        await new Promise<void>((resolve) => {
          const finish = () => {
            timer.cancel();
            ctx.signal.removeEventListener('abort', finish);
            resolve();
          };
          const timer = ctx.clock.setTimer(timeOutMs, finish);
          notify = finish;
          ctx.signal.addEventListener('abort', finish, { once: true });
        });
      }
      raised = false;
    },
  };
}

/** The first list, one after each gap in the events, and one a minute in case an event was lost. */
async function reconcileLoop(gaps: GapSignal, reconcile: (ctx: Ctx) => Promise<void>, ctx: Ctx): Promise<void> {
  while (!ctx.signal.aborted) {
    try {
      await reconcile(ctx);
      await gaps.wait(SAFETY_LIST_MS, ctx);
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.warn('runtime does not answer', { error: describeError(error) });
      await sleep(LISTS_FAIL_RETRY_MS, ctx).catch(() => {});
    }
  }
}
