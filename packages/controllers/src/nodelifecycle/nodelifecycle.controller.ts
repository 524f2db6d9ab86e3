/**
 * Watches over nodes: taints by condition, Unknown when silent, Pods of dead nodes not ready.
 * Source: kubernetes pkg/controller/nodelifecycle.
 */
import { coordinationV1, coreV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import { type Ctx, formatTime, isReason, parseTime } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { type Eviction, isEvicting, planTaints, readyOf, silentConditions } from './plan-node.ts';
import { planLabels } from './plan-labels.ts';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { paceOf, zoneOf } from './plan-zones.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const BY_NODE = 'pods-by-node';

export function createNodeLifecycleController(deps: ControllerDeps, tuning: Tuning = DEFAULT_TUNING): Controller {
  const { cache, client } = deps;
  cache.informer(coreV1.Pod).addIndex(BY_NODE, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  const memory: Memory = { tuning, heard: new Map(), lastEvictionMs: new Map(), notReadyPods: new Set() };

  return defineController({
    name: 'node-lifecycle-controller',
    primary: coreV1.Node,
    reads: [coreV1.Pod],
    watches: [
      {
        kind: coordinationV1.Lease,
        keysOf: (lease) => (lease.metadata.namespace === LEASE_NAMESPACE ? [lease.metadata.name] : []),
      },
    ],
    async reconcile(name, ctx) {
      const node = cache.get(coreV1.Node, name);
      if (node === undefined) {
        if (memory.heard.delete(name)) tell(deps, { name }, 'RemovingNode', `Removing Node ${name} from Controller`);
        return {};
      }
      if (!memory.heard.has(name)) {
        tell(deps, node.metadata, 'RegisteredNode', `Registered Node ${name} in Controller`);
      }
      const labels = planLabels(node);
      const body = { metadata: { labels } };
      const labelled =
        labels === undefined ? node : await client.patch(coreV1.Node, node, { type: 'strategic', body }, ctx);
      return { requeueAfterMs: await watchOver(deps, memory, labelled, ctx) };
    },
  });
}

/** Answers when to look again. */
async function watchOver(deps: ControllerDeps, memory: Memory, node: Node, ctx: Ctx): Promise<number> {
  const { name } = node.metadata;
  const { nodeMonitorPeriodMs, nodeMonitorGracePeriodMs, nodeStartupGracePeriodMs } = memory.tuning;
  const graceMs = readyOf(node) === undefined ? nodeStartupGracePeriodMs : nodeMonitorGracePeriodMs;
  const leftMs = graceMs - silentForMs(deps, memory, node, ctx.clock.nowMs());
  const fellSilent = leftMs < 0 && (await declareSilent(deps, memory, node, ctx));
  if (memory.notReadyPods.has(name)) {
    await markPodsNotReady(deps, name, ctx);
    memory.notReadyPods.delete(name);
  }
  // Just written: the node comes again with its event.
  if (!fellSilent) await taint(deps, memory, node, ctx);
  return readyOf(node)?.status === 'True' ? Math.max(1_000, leftMs + 1) : nodeMonitorPeriodMs;
}

/** True when its conditions did not say so yet. */
async function declareSilent(
  { client, events }: ControllerDeps,
  memory: Memory,
  node: Node,
  ctx: Ctx,
): Promise<boolean> {
  const conditions = silentConditions(node, ctx.clock.nowMs());
  if (conditions === undefined) return false;
  await client.patchStatus(coreV1.Node, node, { ...node.status, conditions }, ctx);
  if (readyOf(node)?.status !== 'True') return true;
  const { name } = node.metadata;
  events.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
  memory.notReadyPods.add(name);
  return true;
}

async function taint(deps: ControllerDeps, memory: Memory, node: Node, ctx: Ctx): Promise<void> {
  const nowMs = ctx.clock.nowMs();
  const taints = planTaints(node, evictionOf(deps, memory, node, nowMs), nowMs);
  if (taints === undefined) return;
  // Before the write, so that another worker does not empty another node meanwhile.
  if (isEvicting(taints) && !isEvicting(node.spec.taints ?? [])) memory.lastEvictionMs.set(zoneOf(node), nowMs);
  await deps.client.update(coreV1.Node, { ...node, spec: { ...node.spec, taints } }, ctx);
}

interface Memory {
  readonly tuning: Tuning;
  /** When a node was last heard of, by this process's own clock: clocks of nodes need not agree with ours. */
  readonly heard: Map<string, { readonly renewal: string; readonly atMs: number }>;
  /** When a node of the zone was last emptied. */
  readonly lastEvictionMs: Map<string, number>;
  /** Nodes whose Pods still have to be marked. */
  readonly notReadyPods: Set<string>;
}

function silentForMs({ cache }: ControllerDeps, { heard }: Memory, node: Node, nowMs: number): number {
  const { name } = node.metadata;
  const lease = cache.get(coordinationV1.Lease, `${LEASE_NAMESPACE}/${name}`)?.spec?.renewTime ?? '';
  const renewal = `${lease} ${readyOf(node)?.lastHeartbeatTime ?? ''}`;
  const known = heard.get(name);
  if (known?.renewal === renewal) return nowMs - known.atMs;
  // A node that never said anything counts from its creation, others from when this process first saw what they said.
  const isMute = renewal === ' ' && known === undefined;
  const atMs = isMute ? Math.min(nowMs, parseTime(node.metadata.creationTimestamp) ?? nowMs) : nowMs;
  heard.set(name, { renewal, atMs });
  return nowMs - atMs;
}

function evictionOf(
  { cache }: ControllerDeps,
  { tuning, lastEvictionMs }: Memory,
  node: Node,
  nowMs: number,
): Eviction {
  if (readyOf(node)?.status === 'True') return 'not-now';
  const zone = zoneOf(node);
  const pace = paceOf(zone, cache.list(coreV1.Node), tuning);
  if (pace === 'undo') return 'undo';
  if (pace === 'none') return 'not-now';
  const lastMs = lastEvictionMs.get(zone);
  return lastMs === undefined || nowMs - lastMs >= pace.everyMs ? 'now' : 'not-now';
}

function tell({ events }: ControllerDeps, node: { name: string; uid?: string }, reason: string, what: string): void {
  const metadata = { name: node.name, ...(node.uid !== undefined && { uid: node.uid }) };
  events.event({ apiVersion: 'v1', kind: 'Node', metadata }, 'Normal', reason, `Node ${node.name} event: ${what}`);
}

/** Endpoints must drop them although their node can no longer say so. */
async function markPodsNotReady({ cache, client, events }: ControllerDeps, nodeName: string, ctx: Ctx): Promise<void> {
  for (const pod of cache.informer(coreV1.Pod).byIndex(BY_NODE, nodeName)) {
    const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
    if (ready?.status !== 'True') continue;
    const condition = { ...ready, status: 'False', lastTransitionTime: formatTime(ctx.clock.nowMs()) };
    const conditions = pod.status?.conditions?.map((present) => (present === ready ? condition : present));
    events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
    try {
      await client.patch(coreV1.Pod, pod, { type: 'strategic', body: { status: { conditions } } }, ctx, {
        subresource: 'status',
      });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}
