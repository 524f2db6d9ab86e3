/** Creates and deletes many Pods of one owner under expectations. Source: syncNodes and manageJob of upstream's controllers. */
import { type KubeObject, keyOf } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { ControllerDeps } from '@kapella/controller';
import type { LateExpectations } from './late-expectations.ts';
import { createPod, deletePod, isNamespaceTerminating } from './pod-control.ts';
import type { NewPod } from './template.ts';

export interface PodsControl extends ControllerDeps {
  readonly expectations: LateExpectations;
}

export interface Outcome {
  /** Pods made or deleted. */
  readonly done: readonly Pod[];
  /** The first error. */
  readonly error: unknown;
}

/** In growing batches until one fails. Never throws. */
export async function createPods(
  deps: PodsControl,
  owner: KubeObject,
  pods: readonly NewPod[],
  ctx: Ctx,
): Promise<Outcome> {
  const key = keyOf(owner);
  const done: Pod[] = [];
  let error: unknown;
  deps.expectations.expectCreations(key, pods.length);
  const one = async (i: number) => {
    try {
      done.push(await createPod(deps, owner, pods[i] as NewPod, ctx));
    } catch (cause) {
      if (!isNamespaceTerminating(cause)) throw cause;
    }
  };
  try {
    await deps.batch(pods.length, one, ctx);
  } catch (cause) {
    error = cause;
  }
  if (done.length < pods.length) deps.expectations.creationObserved(key, pods.length - done.length);
  return { done, error };
}

/** All of them, side by side. Those gone already count as deleted. Never throws. */
export async function deletePods(
  deps: PodsControl,
  owner: KubeObject,
  pods: readonly Pod[],
  ctx: Ctx,
): Promise<Outcome> {
  const key = keyOf(owner);
  const uids = pods.map((pod) => pod.metadata.uid);
  deps.expectations.expectDeletions(key, uids);
  const done: Pod[] = [];
  let error: unknown;
  const one = async (pod: Pod) => {
    try {
      if (!(await deletePod(deps, owner, pod, ctx))) deps.expectations.deletionObserved(key, pod.metadata.uid);
      done.push(pod);
    } catch (cause) {
      deps.expectations.deletionObserved(key, pod.metadata.uid);
      error ??= cause;
    }
  };
  await Promise.all(pods.map(one));
  return { done, error };
}
