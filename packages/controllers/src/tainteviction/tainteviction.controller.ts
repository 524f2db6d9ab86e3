/** Evicts Pods that do not tolerate a NoExecute taint of their node, after their toleration's time. Source: …/tainteviction. */
import { coreV1, keyOf } from '@kapella/api';
import type { Node, Pod, Taint, Toleration } from '@kapella/api/types/core-v1';
import { type Ctx, formatTime, isReason, jsonEqual, parseTime } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

const BY_NODE = 'pods-by-node';

/** Pure: how long the Pod may stay from when it met the taints, milliseconds; 0 at once, undefined for ever. */
export function stayMs(taints: readonly Taint[], tolerations: readonly Toleration[]): number | undefined {
  let shortest: number | undefined;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    // As upstream: the first toleration that fits counts, not the longest.
    const toleration = tolerations.find((candidate) => tolerates(candidate, taint));
    if (toleration === undefined) return 0;
    if (toleration.tolerationSeconds === undefined) continue; // for ever
    const ms = Math.max(0, toleration.tolerationSeconds) * 1000;
    shortest = Math.min(shortest ?? ms, ms);
  }
  return shortest;
}

/**
 * Pure: when the Pod met the taints: when the last of taint and Pod came to the node. Upstream counts from when its
 * controller first saw both, and anew after a restart.
 */
export function metMs(pod: Pod, taints: readonly Taint[], nowMs: number): number {
  const added = taints.flatMap(({ effect, timeAdded }) =>
    effect === 'NoExecute' ? [parseTime(timeAdded) ?? nowMs] : [],
  );
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.lastTransitionTime;
  const placedMs = parseTime(scheduled ?? pod.metadata.creationTimestamp) ?? nowMs;
  return Math.min(nowMs, Math.max(placedMs, Math.min(...added, nowMs)));
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

export function createTaintEvictionController(deps: ControllerDeps): Controller {
  const { cache, events } = deps;
  const pods = cache.informer(coreV1.Pod);
  pods.addIndex(BY_NODE, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  /** Pods that will go, and when: later changes of taints do not move it, as upstream. */
  const scheduled = new Map<string, { readonly uid: string; readonly dueMs: number }>();
  return defineController({
    name: 'taint-eviction-controller',
    primary: coreV1.Pod,
    watches: [
      {
        kind: coreV1.Node,
        keysOf(node: Node, old: Node | undefined) {
          const same = old !== undefined && jsonEqual(old.spec.taints, node.spec.taints);
          return same ? [] : pods.byIndex(BY_NODE, node.metadata.name).map(keyOf);
        },
      },
    ],
    async reconcile(key, ctx) {
      const pod = cache.get(coreV1.Pod, key);
      if (pod === undefined || !pod.spec.nodeName || pod.metadata.deletionTimestamp !== undefined) {
        scheduled.delete(key);
        return {};
      }
      const taints = cache.get(coreV1.Node, pod.spec.nodeName)?.spec.taints ?? [];
      const mayStayMs = stayMs(taints, pod.spec.tolerations ?? []);
      if (mayStayMs === undefined) {
        if (scheduled.delete(key))
          events.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
        return {};
      }
      const nowMs = ctx.clock.nowMs();
      const known = scheduled.get(key);
      const isKnown = known !== undefined && known.uid === pod.metadata.uid && mayStayMs > 0;
      const dueMs = isKnown ? known.dueMs : metMs(pod, taints, nowMs) + mayStayMs;
      if (dueMs > nowMs) {
        scheduled.set(key, { uid: pod.metadata.uid, dueMs });
        return { requeueAfterMs: dueMs - nowMs };
      }
      scheduled.delete(key);
      await evict(deps, pod, ctx);
      return {};
    },
  });
}

async function evict({ client, events }: ControllerDeps, pod: Pod, ctx: Ctx): Promise<void> {
  events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${keyOf(pod)}`);
  const conditions = [
    ...(pod.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget'),
    disruption(pod, ctx.clock.nowMs()),
  ];
  try {
    await client.patch(coreV1.Pod, pod, { type: 'strategic', body: { status: { conditions } } }, ctx, {
      subresource: 'status',
    });
    await client.delete(coreV1.Pod, pod, ctx, { uid: pod.metadata.uid });
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  }
}

function disruption(pod: Pod, nowMs: number) {
  return {
    type: 'DisruptionTarget',
    status: 'True' as const,
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    lastTransitionTime: formatTime(nowMs),
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
  };
}
