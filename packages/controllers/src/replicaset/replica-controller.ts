/** Keeps so many Pods alive: the loop of ReplicaSets and ReplicationControllers. Source: kubernetes pkg/controller/replicaset. */
import { type LabelSelector as CompiledSelector, compileLabelSelector, coreV1, type KindRef } from '@kapella/api';
import type { Pod, PodTemplateSpec } from '@kapella/api/types/core-v1';
import type { LabelSelector } from '@kapella/api/types/meta-v1';
import { type Ctx, describeError } from '@kapella/base';
import {
  type Controller,
  type ControllerDeps,
  controllerOf,
  defineController,
  type ReconcileResult,
} from '@kapella/controller';
import {
  candidatesOf,
  claim,
  createLateExpectations,
  createOwnWrites,
  createPods,
  deletePods,
  indexOrphans,
  isActive,
  isTerminal,
  isTerminating,
  nextAvailabilityMs,
  orphanWatch,
  planClaim,
  podFromTemplate,
  type PodsControl,
} from '../workload/index.ts';
import { planCount, planDeletions, planStatus, type ReplicaStatus } from './plan-replicas.ts';
import { createRests, type Replicated } from './rests.ts';

export type { Replicated } from './rests.ts';

export interface ReplicaKind<T extends Replicated> {
  readonly name: string;
  readonly kind: KindRef<T>;
  selectorOf(object: T): LabelSelector | undefined;
  /** Whether the status tells of terminating Pods. */
  readonly reportsTerminating: boolean;
}

export function createReplicaController<T extends Replicated>(deps: ControllerDeps, of: ReplicaKind<T>): Controller {
  const { cache, client } = deps;
  const expectations = createLateExpectations();
  const control: PodsControl = { ...deps, expectations };
  indexOrphans(cache, coreV1.Pod);
  const rests = createRests();
  const writes = createOwnWrites();
  return defineController<T>({
    name: of.name,
    primary: of.kind,
    owns: [coreV1.Pod],
    watches: [orphanWatch(cache, of.kind as KindRef<T>, coreV1.Pod, of.selectorOf)],
    expectations,
    async reconcile(key, ctx) {
      expectations.bind(ctx.clock);
      const owner = cache.get(of.kind, key);
      if (owner === undefined) {
        expectations.forget(key);
        rests.forget(key);
        writes.forget(key);
        return {}; // the garbage collector removes its Pods
      }
      if (writes.isBehind(key, [owner])) return {};
      const waitMs = rests.before(key, owner, expectations.satisfied(key), ctx.clock.monotonicMs());
      if (waitMs > 0) return { requeueAfterMs: waitMs };
      const selector = compileLabelSelector(of.selectorOf(owner));
      const mayAct = expectations.satisfied(key);
      const pods = candidatesOf(cache, coreV1.Pod, owner);
      const isEnding = (pod: Pod) => isOwnEnding(pod, owner, selector);
      const plan = planClaim(owner, selector, pods.filter(isActive));
      const active = await claim(client, { ownerKind: of.kind, owner, kind: coreV1.Pod, plan }, ctx);
      let failure: unknown;
      if (mayAct && owner.metadata.deletionTimestamp === undefined) {
        failure = await manage(control, of, owner, active, ctx);
        ctx.signal.throwIfAborted();
      }
      const nowMs = ctx.clock.nowMs();
      const status = planStatus({
        spec: owner.spec,
        status: owner.status,
        generation: owner.metadata.generation,
        active,
        terminatingCount: of.reportsTerminating ? pods.filter(isEnding).length : undefined,
        failure: failure === undefined ? undefined : describeError(failure),
        nowMs,
      });
      writes.wrote(key, await client.patchStatus(of.kind, owner, status as NonNullable<T['status']>, ctx));
      if (failure !== undefined) throw failure;
      return nextLook(owner, active, status, nowMs);
    },
  });
}

/** When a ready Pod will have been so for long enough. */
function nextLook(owner: Replicated, active: readonly Pod[], status: ReplicaStatus, nowMs: number): ReconcileResult {
  const minReadySeconds = owner.spec.minReadySeconds ?? 0;
  if (minReadySeconds === 0 || status.readyReplicas === status.availableReplicas) return {};
  return { requeueAfterMs: nextAvailabilityMs(active, minReadySeconds, nowMs) ?? minReadySeconds * 1000 };
}

/** Deleted, with containers still running. */
function isOwnEnding(pod: Pod, owner: Replicated, selector: CompiledSelector): boolean {
  if (!isTerminating(pod) || isTerminal(pod)) return false;
  return controllerOf(pod)?.uid === owner.metadata.uid && selector.matches(pod.metadata.labels);
}

/** Answers what went wrong. */
async function manage<T extends Replicated>(
  control: PodsControl,
  of: ReplicaKind<T>,
  owner: T,
  active: readonly Pod[],
  ctx: Ctx,
): Promise<unknown> {
  const count = planCount(owner.spec, active.length);
  if (count > 0) {
    const pod = podFromTemplate(of.kind, owner, owner.spec.template as PodTemplateSpec);
    const pods = Array.from({ length: count }, () => pod);
    return (await createPods(control, owner, pods, ctx)).error;
  }
  if (count === 0) return undefined;
  const victims = planDeletions(active, relatedPods(control, of, owner), -count, ctx.clock.nowMs());
  return (await deletePods(control, owner, victims, ctx)).error;
}

/** Pods of all sets that the owner's owner controls. */
function relatedPods<T extends Replicated>({ cache }: ControllerDeps, of: ReplicaKind<T>, owner: T): readonly Pod[] {
  const above = controllerOf(owner);
  const siblings = above === undefined ? [owner] : cache.ownedBy(of.kind, above.uid);
  return siblings.flatMap((sibling) => cache.ownedBy(coreV1.Pod, sibling.metadata.uid));
}
