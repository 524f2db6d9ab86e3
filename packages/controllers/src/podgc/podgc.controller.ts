/** Removes Pods nobody else will: finished beyond a threshold, on nodes that are gone, never placed. Source: …/podgc. */
import { coreV1, keyOf } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, isReason, sleep } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { type Doomed, lastStatus, planPodGc } from './plan-podgc.ts';

const SWEEP_MS = 20_000;

export function createPodGcController(deps: ControllerDeps, tuning: Tuning = DEFAULT_TUNING): Controller {
  const missingSinceMs = new Map<string, number>();
  return defineController({
    name: 'pod-garbage-collector-controller',
    primary: coreV1.Pod,
    reads: [coreV1.Node],
    reconcile: async () => ({}),
    async background(ctx) {
      while (!ctx.signal.aborted) {
        await sweep(deps, tuning, missingSinceMs, ctx);
        await sleep(SWEEP_MS, ctx).catch(() => {});
      }
    },
  });
}

async function sweep(
  deps: ControllerDeps,
  tuning: Tuning,
  missingSinceMs: Map<string, number>,
  ctx: Ctx,
): Promise<void> {
  const { cache, client } = deps;
  const pods = cache.list(coreV1.Pod);
  const nodes = new Map(cache.list(coreV1.Node).map((node) => [node.metadata.name, node]));
  const nowMs = ctx.clock.nowMs();
  noteMissing(missingSinceMs, pods, nodes, nowMs);
  const isBack = new Map<string, boolean>();
  const finishedMax = tuning.terminatedPodGcThreshold;
  for (const doomed of planPodGc({ pods, nodes, missingSinceMs, nowMs, finishedMax })) {
    const name = doomed.pod.spec.nodeName ?? '';
    if (doomed.why === 'orphaned') {
      // The cache may be late; a Pod of a live node must not be lost for it.
      if (!isBack.has(name)) isBack.set(name, (await client.get(coreV1.Node, { name }, ctx)) !== undefined);
      if (isBack.get(name)) continue;
    }
    await collect(deps, doomed, ctx);
  }
}

function noteMissing(
  sinceMs: Map<string, number>,
  pods: readonly Pod[],
  nodes: ReadonlyMap<string, Node>,
  nowMs: number,
): void {
  const used = new Set(pods.map((pod) => pod.spec.nodeName ?? ''));
  for (const name of sinceMs.keys()) if (!used.has(name) || nodes.has(name)) sinceMs.delete(name);
  for (const name of used) if (name !== '' && !nodes.has(name) && !sinceMs.has(name)) sinceMs.set(name, nowMs);
}

async function collect({ client }: ControllerDeps, doomed: Doomed, ctx: Ctx): Promise<void> {
  const { pod, why } = doomed;
  try {
    const status = lastStatus(doomed, ctx.clock.nowMs());
    if (status !== undefined) {
      await client.patch(coreV1.Pod, pod, { type: 'strategic', body: { status } }, ctx, { subresource: 'status' });
    }
    await client.delete(coreV1.Pod, pod, ctx, { gracePeriodSeconds: 0, uid: pod.metadata.uid });
    ctx.log.info('pod collected', { pod: keyOf(pod), why, node: pod.spec.nodeName ?? '' });
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  }
}
