/** Watches over nodes: taints by condition, Unknown when silent, Pods of dead nodes not ready. Source: …/nodelifecycle. */
import { coordinationV1, coreV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import { type Ctx, formatTime, isReason, parseTime } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { GRACE_MS, planTaints, silentConditions } from './plan-node.ts';

const LEASE_NAMESPACE = 'kube-node-lease';

export function createNodeLifecycleController(deps: ControllerDeps): Controller {
  const { cache, client } = deps;
  /** When a node was last heard of, by this process's own clock: clocks of nodes need not agree with ours. */
  const heard = new Map<string, { readonly renewal: string; readonly atMs: number }>();

  function silentForMs(node: Node, nowMs: number): number {
    const { name } = node.metadata;
    const lease = cache.get(coordinationV1.Lease, `${LEASE_NAMESPACE}/${name}`)?.spec?.renewTime ?? '';
    const status = node.status?.conditions?.find((condition) => condition.type === 'Ready')?.lastHeartbeatTime ?? '';
    const renewal = `${lease} ${status}`;
    const known = heard.get(name);
    if (known?.renewal === renewal) return nowMs - known.atMs;
    // After a restart of this process: what was renewed long ago has been silent since then.
    const lastMs = Math.max(parseTime(lease) ?? 0, parseTime(status) ?? 0, parseTime(node.metadata.creationTimestamp) ?? 0);
    const atMs = known === undefined && nowMs - lastMs > GRACE_MS * 4 ? nowMs - GRACE_MS : nowMs;
    heard.set(name, { renewal, atMs });
    return nowMs - atMs;
  }

  return defineController({
    name: 'node-lifecycle-controller',
    primary: coreV1.Node,
    watches: [
      { kind: coordinationV1.Lease, keysOf: (lease) => (lease.metadata.namespace === LEASE_NAMESPACE ? [lease.metadata.name] : []) },
    ],
    async reconcile(name, ctx) {
      const node = cache.get(coreV1.Node, name);
      if (node === undefined) {
        heard.delete(name);
        return {};
      }
      const nowMs = ctx.clock.nowMs();
      const silentMs = silentForMs(node, nowMs);
      const conditions = silentMs >= GRACE_MS ? silentConditions(node, nowMs) : undefined;
      if (conditions !== undefined) {
        await client.patchStatus(coreV1.Node, node, { ...node.status, conditions }, ctx);
        await markPodsNotReady(deps, name, ctx);
        return { requeueAfterMs: 0 };
      }
      const taints = planTaints(node, nowMs);
      if (taints !== undefined) await client.update(coreV1.Node, { ...node, spec: { ...node.spec, taints } }, ctx);
      return { requeueAfterMs: Math.max(1_000, GRACE_MS - silentMs) };
    },
  });
}

/** Endpoints must drop them although their node can no longer say so. */
async function markPodsNotReady({ cache, client, events }: ControllerDeps, nodeName: string, ctx: Ctx): Promise<void> {
  for (const pod of cache.list(coreV1.Pod)) {
    const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
    if (pod.spec.nodeName !== nodeName || ready?.status !== 'True') continue;
    const condition = { ...ready, status: 'False', lastTransitionTime: formatTime(ctx.clock.nowMs()) };
    const body = { status: { conditions: [condition] } };
    events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
    try {
      await client.patch(coreV1.Pod, pod, { type: 'strategic', body }, ctx, { subresource: 'status' });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}
