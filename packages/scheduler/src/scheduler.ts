/** The loop: one Pod at a time is decided over the snapshot, bindings run beside it. Source: …/scheduler/schedule_one.go. */
import { coreV1, keyOf, policyV1, storageV1 } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, formatTime, isReason, jsonEqual } from '@kapella/base';
import type { Cache, Client, EventRecorder } from '@kapella/client';
import { type Decision, decide, fitErrorMessage, type Profile } from './framework/decide.ts';
import type { ClusterEvent } from './framework/plugin.ts';
import { podStateOf, type PodState, Snapshot } from './framework/snapshot.ts';
import { defaultPlugins } from './plugins/index.ts';
import { claimsToPlace } from './plugins/volume-binding/volume-binding.plugin.ts';
import { planPreemption } from './preemption/preemption.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';

export interface SchedulerDeps {
  readonly client: Client;
  readonly cache: Cache;
  readonly events: EventRecorder;
  /** Default: one profile, `default-scheduler`, with the default plugins. */
  readonly profiles?: readonly Profile[];
}

export interface Scheduler {
  /** Settles when the context is aborted and every binding under way has settled. */
  run(ctx: Ctx): Promise<void>;
}

/** A claim's binding is waited for this long before the Pod is tried anew. */
const CLAIM_BIND_MS_MAX = 60_000;
const SELECTED_NODE = 'volume.kubernetes.io/selected-node';

export const defaultProfile: Profile = { schedulerName: 'default-scheduler', plugins: defaultPlugins };

export function createScheduler(deps: SchedulerDeps): Scheduler {
  return { run: (ctx) => new SchedulerLoop(deps, ctx).run() };
}

class SchedulerLoop {
  readonly #deps: SchedulerDeps;
  readonly #ctx: Ctx;
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #snapshot: Snapshot;
  readonly #queue: SchedulingQueue;
  /** Placed by this scheduler, not yet seen bound by the informer. */
  readonly #assumed = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  #wake: () => void = () => {};

  constructor(deps: SchedulerDeps, ctx: Ctx) {
    this.#deps = deps;
    this.#ctx = ctx;
    this.#profiles = new Map((deps.profiles ?? [defaultProfile]).map((profile) => [profile.schedulerName, profile]));
    const { cache } = deps;
    this.#snapshot = new Snapshot({
      namespaceLabels: (name) => cache.get(coreV1.Namespace, name)?.metadata.labels ?? {},
      claim: (namespace, name) => cache.get(coreV1.PersistentVolumeClaim, `${namespace}/${name}`),
      volume: (name) => cache.get(coreV1.PersistentVolume, name),
      volumes: () => cache.list(coreV1.PersistentVolume),
      storageClass: (name) => cache.get(storageV1.StorageClass, name),
    });
    this.#queue = new SchedulingQueue(ctx.clock, (pod) => this.#gate(pod));
    this.#queue.onActive = () => this.#wake();
  }

  async run(): Promise<void> {
    const unsubscribe = this.#subscribe();
    const { cache } = this.#deps;
    const kinds = [coreV1.Node, coreV1.Pod, coreV1.Namespace, coreV1.PersistentVolumeClaim, coreV1.PersistentVolume];
    await Promise.all(kinds.map((kind) => cache.informer(kind as typeof coreV1.Pod).synced(this.#ctx))).catch(
      (error) => {
        if (!this.#ctx.signal.aborted) throw error;
      },
    );
    while (!this.#ctx.signal.aborted) {
      const next = this.#queue.pop();
      if (next === undefined) await this.#somethingToDo();
      else this.#scheduleOne(next.pod, next.attempts);
    }
    for (const stop of unsubscribe) stop();
    this.#queue.close();
    await Promise.allSettled(this.#underWay);
  }

  #somethingToDo(): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#ctx;
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #subscribe(): (() => void)[] {
    const { cache } = this.#deps;
    const wakeVolumes = { add: () => this.#queue.wake('volume'), update: () => this.#queue.wake('volume') };
    cache.informer(coreV1.Namespace);
    cache.informer(policyV1.PodDisruptionBudget);
    return [
      cache.informer(coreV1.Node).subscribe({
        add: (node) => this.#setNode(node, undefined),
        update: (node, old) => this.#setNode(node, old),
        delete: (node) => this.#snapshot.removeNode(node.metadata.name),
      }),
      cache.informer(coreV1.Pod).subscribe({
        add: (pod) => this.#setPod(pod),
        update: (pod) => this.#setPod(pod),
        delete: (pod) => this.#removePod(keyOf(pod)),
      }),
      cache.informer(coreV1.PersistentVolumeClaim).subscribe(wakeVolumes),
      cache.informer(coreV1.PersistentVolume).subscribe(wakeVolumes),
      cache.informer(storageV1.StorageClass).subscribe(wakeVolumes),
    ];
  }

  #setNode(node: Node, old: Node | undefined): void {
    this.#snapshot.setNode(node);
    for (const event of nodeEvents(node, old)) this.#queue.wake(event);
  }

  #setPod(pod: Pod): void {
    const key = keyOf(pod);
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') {
      this.#removePod(key);
      return;
    }
    if (pod.spec.nodeName) {
      const isNew = !this.#snapshot.isPlaced(key) || this.#assumed.has(key);
      this.#assumed.delete(key);
      this.#queue.delete(key);
      this.#snapshot.place(podStateOf(pod), pod.spec.nodeName);
      this.#queue.wake(isNew ? 'pod.add' : 'pod.update');
      return;
    }
    if (pod.metadata.deletionTimestamp !== undefined) this.#queue.delete(key);
    else if (this.#profileOf(pod) !== undefined && !this.#assumed.has(key)) this.#queue.set(pod);
  }

  #removePod(key: string): void {
    this.#queue.delete(key);
    this.#assumed.delete(key);
    if (!this.#snapshot.isPlaced(key)) return;
    this.#snapshot.unplace(key);
    this.#queue.wake('pod.delete');
  }

  #profileOf(pod: Pod): Profile | undefined {
    return this.#profiles.get(pod.spec.schedulerName ?? 'default-scheduler');
  }

  #gate(pod: Pod): string | undefined {
    for (const plugin of this.#profileOf(pod)?.plugins ?? []) {
      const why = plugin.preEnqueue?.(pod);
      if (why !== undefined) return why;
    }
    return undefined;
  }

  #scheduleOne(pod: Pod, attempts: number): void {
    const profile = this.#profileOf(pod);
    if (profile === undefined) return;
    const startMs = this.#ctx.clock.monotonicMs();
    const state = podStateOf(pod);
    const decision = decide(state, this.#snapshot, profile, this.#ctx.random);
    if (decision.node === undefined) {
      this.#track(this.#refused(state, profile, decision.rejections));
      return;
    }
    this.#snapshot.place(state, decision.node);
    this.#assumed.add(state.key);
    const latencyMs = this.#ctx.clock.monotonicMs() - startMs;
    this.#ctx.log.debug('pod placed', { pod: state.key, node: decision.node, attempts, latencyMs });
    this.#track(this.#bind(state, decision.node));
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    work.finally(() => this.#underWay.delete(work));
  }

  async #bind(state: PodState, node: string): Promise<void> {
    const { client, events } = this.#deps;
    const { pod, key } = state;
    try {
      await this.#placeClaims(pod, node);
      const binding = {
        kind: 'Binding',
        apiVersion: 'v1',
        metadata: { name: pod.metadata.name, namespace: pod.metadata.namespace, uid: pod.metadata.uid },
        target: { kind: 'Node', name: node },
      };
      await client.createSubresource(coreV1.Pod, pod, 'binding', binding, this.#ctx);
      this.#queue.delete(key);
      events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${node}`);
    } catch (error) {
      this.#assumed.delete(key);
      this.#snapshot.unplace(key);
      if (this.#ctx.signal.aborted || isReason(error, 'NotFound')) {
        this.#queue.delete(key);
        return;
      }
      this.#ctx.log.warn('pod not bound', { pod: key, node, error: describeError(error) });
      this.#queue.retry(key);
    }
  }

  /** Tells the volume binder the chosen node and waits until it has bound the claims. */
  async #placeClaims(pod: Pod, node: string): Promise<void> {
    const { client, cache } = this.#deps;
    const waiting = claimsToPlace(pod, this.#snapshot);
    if (waiting.length === 0) return;
    for (const claim of waiting) {
      const body = { metadata: { annotations: { [SELECTED_NODE]: node } } };
      await client.patch(coreV1.PersistentVolumeClaim, claim, { type: 'merge', body }, this.#ctx);
    }
    await new Promise<void>((resolve, reject) => {
      const check = () => {
        if (claimsToPlace(pod, this.#snapshot).length > 0) return;
        stop();
        resolve();
      };
      const timer = this.#ctx.clock.setTimer(CLAIM_BIND_MS_MAX, () => {
        stop();
        reject(
          new Error(`waited ${CLAIM_BIND_MS_MAX / 1000} s for claims ${waiting.map(keyOf).join(', ')} to be bound`),
        );
      });
      const unsubscribe = cache
        .informer(coreV1.PersistentVolumeClaim)
        .subscribe({ update: () => queueMicrotask(check) });
      const stop = () => {
        timer.cancel();
        unsubscribe();
      };
      check();
    });
  }

  /** Says why on the Pod, tries to make room, and lets it wait for an event that can help. */
  async #refused(state: PodState, profile: Profile, rejections: Decision['rejections']): Promise<void> {
    const { cache, events } = this.#deps;
    const budgets = cache.list(policyV1.PodDisruptionBudget);
    const preemption = planPreemption(state, this.#snapshot, rejections, profile, budgets);
    const plan = 'why' in preemption ? preemption.why : '';
    const message = fitErrorMessage(this.#snapshot.nodes.size, rejections.values(), plan);
    const refusedBy = new Set([...rejections.values()].map((rejection) => rejection.plugin));
    this.#queue.unschedulable(state.key, wakeEvents(profile, refusedBy));
    events.event(state.pod, 'Warning', 'FailedScheduling', message);
    try {
      if ('node' in preemption) await this.#preempt(state, preemption);
      await this.#reportUnschedulable(state.pod, message, 'node' in preemption ? preemption.node : undefined);
    } catch (error) {
      if (this.#ctx.signal.aborted || isReason(error, 'NotFound')) return;
      this.#ctx.log.warn('pod condition not written', { pod: state.key, error: describeError(error) });
    }
  }

  async #preempt(state: PodState, { node, victims }: { node: string; victims: readonly PodState[] }): Promise<void> {
    const { client, events } = this.#deps;
    const message = `${state.pod.spec.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`;
    for (const { pod } of victims) {
      const condition = this.#condition('DisruptionTarget', 'True', 'PreemptionByScheduler', message);
      const status = { conditions: [condition] };
      await client.patch(coreV1.Pod, pod, { type: 'strategic', body: { status } }, this.#ctx, {
        subresource: 'status',
      });
      await client.delete(coreV1.Pod, pod, this.#ctx, { uid: pod.metadata.uid });
      events.event(pod, 'Normal', 'Preempted', `Preempted by pod ${state.pod.metadata.uid} on node ${node}`);
    }
  }

  async #reportUnschedulable(pod: Pod, message: string, nominatedNodeName: string | undefined): Promise<void> {
    const known = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
    const isSame = known?.status === 'False' && known.reason === 'Unschedulable' && known.message === message;
    if (isSame && nominatedNodeName === undefined) return;
    const condition = this.#condition('PodScheduled', 'False', 'Unschedulable', message);
    const status = { conditions: [condition], ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }) };
    const body = { status };
    await this.#deps.client.patch(coreV1.Pod, pod, { type: 'strategic', body }, this.#ctx, { subresource: 'status' });
  }

  #condition(type: string, status: string, reason: string, message: string): object {
    return { type, status, reason, message, lastTransitionTime: formatTime(this.#ctx.clock.nowMs()) };
  }
}

function wakeEvents(profile: Profile, refusedBy: ReadonlySet<string>): Set<ClusterEvent> {
  const events = profile.plugins.filter((plugin) => refusedBy.has(plugin.name)).flatMap((plugin) => plugin.wakeOn);
  return new Set<ClusterEvent>([...events, 'node.add', 'pod.update']);
}

function nodeEvents(node: Node, old: Node | undefined): ClusterEvent[] {
  if (old === undefined) return ['node.add'];
  const events: ClusterEvent[] = [];
  if (!jsonEqual(node.status?.allocatable, old.status?.allocatable)) events.push('node.allocatable');
  if (!jsonEqual(node.metadata.labels, old.metadata.labels)) events.push('node.labels');
  const hold = (n: Node) => [n.spec.taints ?? [], n.spec.unschedulable ?? false];
  if (!jsonEqual(hold(node), hold(old))) events.push('node.taints');
  return events;
}
