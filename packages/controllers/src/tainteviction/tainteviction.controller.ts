/** Evicts Pods that do not tolerate a NoExecute taint of their node, after their toleration's time. Source: …/tainteviction. */
import { coreV1, keyOf } from '@kapella/api';
import type { Pod, Taint, Toleration } from '@kapella/api/types/core-v1';
import { formatTime, isReason, parseTime } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

/** Pure: when the Pod must go: milliseconds since the epoch, or undefined for never. */
export function evictionTimeMs(taints: readonly Taint[], tolerations: readonly Toleration[], nowMs: number): number | undefined {
  const hard = taints.filter((taint) => taint.effect === 'NoExecute');
  let dueMs: number | undefined;
  for (const taint of hard) {
    const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return nowMs;
    const seconds = matching.map((t) => t.tolerationSeconds).filter((s) => s !== undefined);
    if (seconds.length < matching.length) continue; // one of them tolerates for ever
    const atMs = (parseTime(taint.timeAdded) ?? nowMs) + Math.max(0, Math.min(...seconds)) * 1000;
    dueMs = dueMs === undefined ? atMs : Math.min(dueMs, atMs);
  }
  return dueMs;
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

export function createTaintEvictionController({ cache, client, events }: ControllerDeps): Controller {
  return defineController({
    name: 'taint-eviction-controller',
    primary: coreV1.Pod,
    watches: [
      {
        kind: coreV1.Node,
        keysOf: (node) => cache.list(coreV1.Pod).filter((pod) => pod.spec.nodeName === node.metadata.name).map(keyOf),
      },
    ],
    async reconcile(key, ctx) {
      const pod = cache.get(coreV1.Pod, key);
      if (pod === undefined || !pod.spec.nodeName || pod.metadata.deletionTimestamp !== undefined) return {};
      const taints = cache.get(coreV1.Node, pod.spec.nodeName)?.spec.taints ?? [];
      const dueMs = evictionTimeMs(taints, pod.spec.tolerations ?? [], ctx.clock.nowMs());
      if (dueMs === undefined) return {};
      const leftMs = dueMs - ctx.clock.nowMs();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`);
      try {
        const body = { status: { conditions: [disruption(pod, ctx.clock.nowMs())] } };
        await client.patch(coreV1.Pod, pod, { type: 'strategic', body }, ctx, { subresource: 'status' });
        await client.delete(coreV1.Pod, pod, ctx, { uid: pod.metadata.uid });
      } catch (error) {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error;
      }
      return {};
    },
  });
}

function disruption(pod: Pod, nowMs: number): object {
  return {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    lastTransitionTime: formatTime(nowMs),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  };
}
