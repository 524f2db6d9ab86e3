/** From the chosen node to the bound Pod, beside the loop. Source: kubernetes pkg/scheduler/schedule_one.go bindingCycle. */
import type { Pod } from '@kapella/api/types/core-v1';
import { describeError, isReason } from '@kapella/base';
import type { ClusterEvent } from '../framework/cluster-events.ts';
import type { Cycle } from '../framework/plugin.ts';
import type { Profile } from '../framework/profile.ts';
import type { Waiting } from '../queue/scheduling-queue.ts';
import type { LoopParts } from './parts.ts';
import { nominate } from './pod-status.ts';
import { fail, hold } from './refusal.ts';
import type { PermitRefusal } from './waits.ts';

export interface Placement {
  readonly waiting: Waiting;
  readonly cycle: Cycle;
  readonly profile: Profile;
  readonly node: string;
  readonly startMs: number;
}

/** Takes what the Pod will use and asks for permission. A refusal leaves nothing behind. Synchronous. */
export function reserve({ cycle, profile, node }: Placement): PermitRefusal | ReadonlyMap<string, number> {
  const refuse = (plugin: string, reason: string): PermitRefusal => {
    release(profile, cycle, node);
    return { plugin, reason };
  };
  for (const plugin of profile.reserve) {
    const reason = plugin.reserve?.(cycle, node);
    if (reason !== undefined) return refuse(plugin.name, reason);
  }
  const waits = new Map<string, number>();
  for (const plugin of profile.permit) {
    const answer = plugin.permit?.(cycle, node) ?? 'allow';
    if (answer === 'allow') continue;
    if ('reject' in answer) return refuse(plugin.name, answer.reject);
    waits.set(plugin.name, answer.waitMs);
  }
  return waits;
}

function release(profile: Profile, cycle: Cycle, node: string): void {
  for (const plugin of profile.reserve.toReversed()) plugin.unreserve?.(cycle, node);
}

/** Never rejects. */
export async function bindingCycle(
  placement: Placement,
  waits: ReadonlyMap<string, number>,
  parts: LoopParts,
): Promise<void> {
  const { waiting, cycle, profile, node } = placement;
  const { ctx, queue, metrics, events } = parts;
  const { pod, key } = cycle.pod;
  try {
    if (!(await prepare(placement, waits, parts))) return;
    await timed('Bind', profile, parts, () => bind(placement, parts));
  } catch (error) {
    undo(placement, parts);
    await abandon(placement, parts);
    if (ctx.signal.aborted || isReason(error, 'NotFound')) {
      queue.delete(key);
      return;
    }
    ctx.log.warn('pod not bound', { pod: key, node, error: describeError(error) });
    metrics.attempt('error', profile.schedulerName, seconds(placement, parts));
    await fail(waiting, error, parts);
    return;
  }
  queue.delete(key);
  for (const plugin of profile.postBind) plugin.postBind?.(cycle, node);
  metrics.attempt('scheduled', profile.schedulerName, seconds(placement, parts));
  const sinceSeen = (ctx.clock.monotonicMs() - waiting.firstMs) / 1000;
  metrics.scheduled(waiting.attempts, sinceSeen, waiting.wasFlushed);
  events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${node}`, {
    ...{ action: 'Binding', reporter: profile.schedulerName },
  });
}

/** Waits for permission and binds what the Pod needs. False: a plugin refused, and all is undone. */
async function prepare(placement: Placement, waits: ReadonlyMap<string, number>, parts: LoopParts): Promise<boolean> {
  const { cycle, profile, node, waiting } = placement;
  const { ctx, client, handle } = parts;
  const { pod } = cycle.pod;
  const needsWork = profile.preBind.filter((plugin) => plugin.needsPreBind?.(cycle, node) === true);
  if (waits.size === 0 && needsWork.length === 0) return true;
  // Others see where the Pod is going while that takes time.
  if (pod.status?.nominatedNodeName !== node) await nominate(pod, node, client, ctx);
  const refusal = await permitted(cycle, waits, parts);
  if (refusal !== undefined) {
    undo(placement, parts);
    await abandon(placement, parts);
    await hold(waiting, refusal.plugin, refusal.reason, parts);
    return false;
  }
  await timed('PreBind', profile, parts, async () => {
    for (const plugin of needsWork) {
      await plugin.preBind?.(cycle, node, handle, ctx).catch((cause: unknown) => {
        throw new Error(`running PreBind plugin ${JSON.stringify(plugin.name)}`, { cause });
      });
    }
  });
  return true;
}

async function timed(point: string, profile: Profile, { ctx, metrics }: LoopParts, work: () => Promise<void>) {
  const startMs = ctx.clock.monotonicMs();
  let status = 'Error';
  try {
    await work();
    status = 'Success';
  } finally {
    metrics.extensionPoint(point, status, profile.schedulerName, (ctx.clock.monotonicMs() - startMs) / 1000);
  }
}

async function permitted(
  cycle: Cycle,
  waits: ReadonlyMap<string, number>,
  { ctx, held, metrics }: LoopParts,
): Promise<PermitRefusal | undefined> {
  if (waits.size === 0) return undefined;
  const startMs = ctx.clock.monotonicMs();
  const refusal = await held.hold(cycle.pod.key, waits, ctx);
  const result = refusal === undefined ? 'Success' : 'Unschedulable';
  metrics.permitWait(result, (ctx.clock.monotonicMs() - startMs) / 1000);
  return refusal;
}

function seconds({ startMs }: Placement, { ctx }: LoopParts): number {
  return (ctx.clock.monotonicMs() - startMs) / 1000;
}

async function bind({ cycle, profile, node }: Placement, parts: LoopParts): Promise<void> {
  const { extenders, handle, ctx } = parts;
  if ((await extenders?.bind(cycle.pod.pod, node, ctx)) === true) return;
  for (const plugin of profile.bind) {
    const answer = await plugin.bind?.(cycle, node, handle, ctx);
    if (answer === 'bound') return;
  }
  throw new Error(`no bind plugin of profile ${profile.schedulerName} took the pod`);
}

/** As if the node had not been chosen; what waits for room hears of it. */
function undo({ cycle, profile, node }: Placement, parts: LoopParts): void {
  const { snapshot, assumed, queue } = parts;
  const { key, pod } = cycle.pod;
  release(profile, cycle, node);
  if (!assumed.delete(key)) return;
  snapshot.unplace(key);
  queue.wake(leaving(pod, node));
}

/** As if the Pod had run there and left: whoever counted with it there may fit now. */
export function leaving(pod: Pod, node: string): ClusterEvent {
  return { resource: 'AssignedPod', action: 'Delete', old: { ...pod, spec: { ...pod.spec, nodeName: node } } as Pod };
}

/** What plugins wrote for the Pod is taken back. Never rejects: the next attempt finds what could not be. */
async function abandon({ cycle, profile, node }: Placement, { handle, ctx }: LoopParts): Promise<void> {
  for (const plugin of profile.reserve.toReversed()) {
    await plugin.abandon?.(cycle, node, handle, ctx).catch((error: unknown) => {
      if (ctx.signal.aborted || isReason(error, 'NotFound')) return;
      ctx.log.warn('not taken back', { pod: cycle.pod.key, plugin: plugin.name, error: describeError(error) });
    });
  }
}
