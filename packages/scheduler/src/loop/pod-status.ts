/** What the scheduler writes on Pods. Source: kubernetes pkg/scheduler/schedule_one.go updatePod. */
import { coreV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, formatTime } from '@kapella/base';
import type { Client } from '@kapella/client';

export interface Verdict {
  readonly reason: 'Unschedulable' | 'SchedulerError';
  readonly message: string;
  /** The node that is promised to the Pod; '' takes a promise back, undefined leaves it. */
  readonly nominatedNode?: string;
}

/** No request when the Pod says so already. */
export async function writeVerdict(pod: Pod, verdict: Verdict, client: Client, ctx: Ctx): Promise<void> {
  const { reason, message, nominatedNode } = verdict;
  const known = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
  const isSame = known?.status === 'False' && known.reason === reason && known.message === message;
  const nominates = nominatedNode !== undefined && nominatedNode !== (pod.status?.nominatedNodeName ?? '');
  if (isSame && !nominates) return;
  const condition = conditionOf(pod, 'PodScheduled', 'False', reason, message, ctx);
  const kept = known?.status === 'False' ? { ...condition, lastTransitionTime: known.lastTransitionTime } : condition;
  const nomination = nominates ? { nominatedNodeName: nominatedNode === '' ? null : nominatedNode } : {};
  await patchStatus(pod, { conditions: [kept], ...nomination }, client, ctx);
}

export function nominate(pod: Pod, node: string | undefined, client: Client, ctx: Ctx): Promise<unknown> {
  return patchStatus(pod, { nominatedNodeName: node ?? null }, client, ctx);
}

export function conditionOf(
  pod: Pod,
  type: string,
  status: string,
  reason: string,
  message: string,
  ctx: Ctx,
): Readonly<Record<string, unknown>> {
  const { generation } = pod.metadata;
  const condition = { type, status, reason, message, lastTransitionTime: formatTime(ctx.clock.nowMs()) };
  return generation === undefined ? condition : { ...condition, observedGeneration: generation };
}

export function patchStatus(pod: Pod, status: object, client: Client, ctx: Ctx): Promise<unknown> {
  // The uid: another Pod of the same name must not get it.
  const body = { metadata: { uid: pod.metadata.uid }, status };
  return client.patch(coreV1.Pod, pod, { type: 'strategic', body }, ctx, { subresource: 'status' });
}
