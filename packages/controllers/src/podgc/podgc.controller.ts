/** Removes Pods nobody else will: finished beyond a threshold, on nodes that are gone, never placed. Source: …/podgc. */
import { coreV1, keyOf } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, isReason, sleep } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

const SWEEP_MS = 20_000;
/** Upstream's --terminated-pod-gc-threshold. */
const FINISHED_MAX = 12_500;
/** A node must be gone this long before its Pods go. */
const QUARANTINE_MS = 40_000;

export interface GcInput {
  readonly pods: readonly Pod[];
  readonly nodeNames: ReadonlySet<string>;
  /** Since when a node has been missing, by name. */
  readonly missingSinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

/** Pure: Pods to delete by force, oldest first within each reason. */
export function planPodGc({ pods, nodeNames, missingSinceMs, nowMs }: GcInput): Pod[] {
  const finished = pods
    .filter((pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed')
    .filter((pod) => pod.metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1));
  const orphaned = pods.filter((pod) => {
    const node = pod.spec.nodeName;
    if (!node || nodeNames.has(node)) return false;
    const since = missingSinceMs.get(node);
    return since !== undefined && nowMs - since >= QUARANTINE_MS;
  });
  const unplaced = pods.filter((pod) => !pod.spec.nodeName && pod.metadata.deletionTimestamp !== undefined);
  return [...new Set([...finished.slice(0, Math.max(0, finished.length - FINISHED_MAX)), ...orphaned, ...unplaced])];
}

export function createPodGcController({ cache, client }: ControllerDeps): Controller {
  const missingSinceMs = new Map<string, number>();

  async function sweep(ctx: Ctx): Promise<void> {
    const pods = cache.list(coreV1.Pod);
    const nodeNames = new Set(cache.list(coreV1.Node).map((node) => node.metadata.name));
    const nowMs = ctx.clock.nowMs();
    const used = new Set(pods.map((pod) => pod.spec.nodeName ?? '').filter((name) => name !== '' && !nodeNames.has(name)));
    for (const name of missingSinceMs.keys()) if (!used.has(name)) missingSinceMs.delete(name);
    for (const name of used) if (!missingSinceMs.has(name)) missingSinceMs.set(name, nowMs);
    for (const pod of planPodGc({ pods, nodeNames, missingSinceMs, nowMs })) {
      try {
        await client.delete(coreV1.Pod, pod, ctx, { gracePeriodSeconds: 0, uid: pod.metadata.uid });
        ctx.log.info('pod collected', { pod: keyOf(pod), node: pod.spec.nodeName ?? '' });
      } catch (error) {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error;
      }
    }
  }

  return defineController({
    name: 'pod-garbage-collector-controller',
    primary: coreV1.Pod,
    watches: [{ kind: coreV1.Node, keysOf: () => [] }],
    reconcile: async () => ({}),
    async background(ctx) {
      while (!ctx.signal.aborted) {
        await sleep(SWEEP_MS, ctx).catch(() => {});
        if (!ctx.signal.aborted) await sweep(ctx);
      }
    },
  });
}
