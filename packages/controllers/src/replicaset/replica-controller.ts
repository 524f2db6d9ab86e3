/** Keeps so many Pods alive: the loop of ReplicaSets and ReplicationControllers. Source: kubernetes pkg/controller/replicaset. */
import { coreV1, type KindRef, keyOf, type KubeObject, type LabelSelector } from '@kapella/api';
import type { Pod, PodTemplateSpec } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import {
  type Controller,
  type ControllerDeps,
  controllerOf,
  controllerRef,
  createExpectations,
  defineController,
  type Expectations,
} from '@kapella/controller';
import { claim, ownedAndOrphans } from '../shared/claim.ts';
import { createPod, deletePod, isNamespaceTerminating, podFromTemplate } from '../shared/pod-control.ts';
import { isPodActive, isPodTerminating, nextAvailabilityMs } from '../shared/pods.ts';
import { planCount, planDeletions, planStatus, type ReplicaSpec, type ReplicaStatus } from './plan-replicas.ts';

export interface Replicated extends KubeObject {
  readonly spec: ReplicaSpec;
  readonly status?: ReplicaStatus;
}

export interface ReplicaKind<T extends Replicated> {
  readonly name: string;
  readonly kind: KindRef<T>;
  selectorOf(object: T): LabelSelector;
  /** Whether the status tells of terminating Pods. */
  readonly reportsTerminating: boolean;
}

export function createReplicaController<T extends Replicated>(deps: ControllerDeps, of: ReplicaKind<T>): Controller {
  const { cache } = deps;
  const expectations = createExpectations();
  return defineController<T>({
    name: of.name,
    primary: of.kind,
    owns: [coreV1.Pod],
    watches: [{ kind: coreV1.Pod, keysOf: (pod) => adoptersOf(deps, of, pod) }],
    expectations,
    async reconcile(key, ctx) {
      const owner = cache.get(of.kind, key);
      if (owner === undefined) {
        expectations.forget(key);
        return {}; // the garbage collector removes its Pods
      }
      const selector = of.selectorOf(owner);
      const mayAct = expectations.satisfied(key, ctx.clock.monotonicMs());
      const pods = ownedAndOrphans(cache, coreV1.Pod, owner);
      const active = await claim(deps, of.kind, owner, selector, coreV1.Pod, pods.filter(isPodActive), ctx);
      const terminating = pods.filter(
        (pod) => isPodTerminating(pod) && controllerOf(pod)?.uid === owner.metadata.uid && selector.matches(pod.metadata.labels),
      );
      let failure: unknown;
      if (mayAct && owner.metadata.deletionTimestamp === undefined) {
        failure = await manage(deps, of, owner, active, expectations, ctx).catch((error: unknown) => error);
      }
      ctx.signal.throwIfAborted();
      const nowMs = ctx.clock.nowMs();
      const status = planStatus({
        spec: owner.spec,
        status: owner.status,
        generation: owner.metadata.generation,
        active,
        terminatingCount: of.reportsTerminating ? terminating.length : undefined,
        failure: failure === undefined ? undefined : describeError(failure),
        nowMs,
      });
      await deps.client.patchStatus(of.kind, owner, status as NonNullable<T['status']>, ctx);
      if (failure !== undefined) throw failure;
      const minReadySeconds = owner.spec.minReadySeconds ?? 0;
      if (minReadySeconds === 0 || status.readyReplicas === status.availableReplicas) return {};
      return { requeueAfterMs: nextAvailabilityMs(active, minReadySeconds, nowMs) ?? minReadySeconds * 1000 };
    },
  });
}

/** An orphan may match any owner of its namespace. */
function adoptersOf<T extends Replicated>({ cache }: ControllerDeps, of: ReplicaKind<T>, pod: Pod): string[] {
  if (controllerOf(pod) !== undefined || pod.metadata.deletionTimestamp !== undefined) return [];
  const owners = cache.list(of.kind, pod.metadata.namespace);
  return owners.filter((owner) => of.selectorOf(owner).matches(pod.metadata.labels)).map(keyOf);
}

async function manage<T extends Replicated>(
  deps: ControllerDeps,
  of: ReplicaKind<T>,
  owner: T,
  active: readonly Pod[],
  expectations: Expectations,
  ctx: Ctx,
): Promise<void> {
  const count = planCount(owner.spec, active.length);
  if (count > 0) await createPods(deps, of, owner, count, expectations, ctx);
  if (count < 0) {
    const related = relatedPods(deps, of, owner);
    await deletePods(deps, owner, planDeletions(active, related, -count, ctx.clock.nowMs()), expectations, ctx);
  }
}

async function createPods<T extends Replicated>(
  deps: ControllerDeps,
  of: ReplicaKind<T>,
  owner: T,
  count: number,
  expectations: Expectations,
  ctx: Ctx,
): Promise<void> {
  const key = keyOf(owner);
  const template = owner.spec.template as PodTemplateSpec;
  const pod = podFromTemplate(template, owner.metadata.name, controllerRef(of.kind, owner));
  let begun = 0;
  const one = async () => {
    begun++;
    try {
      await createPod(deps, owner, pod, ctx);
    } catch (error) {
      expectations.creationObserved(key); // it will not appear
      if (!isNamespaceTerminating(error)) throw error;
    }
  };
  expectations.expectCreations(key, count, ctx.clock.monotonicMs());
  try {
    await deps.batch(count, one, ctx);
  } finally {
    expectations.creationObserved(key, count - begun);
  }
  ctx.log.info('pods created', { key, count });
}

async function deletePods(
  deps: ControllerDeps,
  owner: Replicated,
  pods: readonly Pod[],
  expectations: Expectations,
  ctx: Ctx,
): Promise<void> {
  const key = keyOf(owner);
  expectations.expectDeletions(key, pods.map((pod) => pod.metadata.uid), ctx.clock.monotonicMs());
  const results = await Promise.allSettled(
    pods.map(async (pod) => {
      try {
        await deletePod(deps, owner, pod, ctx);
      } catch (error) {
        expectations.deletionObserved(key, pod.metadata.uid);
        throw error;
      }
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  ctx.log.info('pods deleted', { key, count: pods.length });
}

/** Pods of all sets that the owner's owner controls. */
function relatedPods<T extends Replicated>({ cache }: ControllerDeps, of: ReplicaKind<T>, owner: T): readonly Pod[] {
  const above = controllerOf(owner);
  const siblings = above === undefined ? [owner] : cache.ownedBy(of.kind, above.uid);
  return siblings.flatMap((sibling) => cache.ownedBy(coreV1.Pod, sibling.metadata.uid));
}

