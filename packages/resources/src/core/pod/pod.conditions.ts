/** Conditions of a Pod. Source: kubernetes pkg/api/v1/pod/util.go. */
import type { Pod, PodCondition } from '@kapella/api/types/core-v1';

/** The Pod with the condition set; the transition time moves only with the status. */
export function withPodCondition(pod: Pod, condition: PodCondition, time: string): Pod {
  const conditions = pod.status?.conditions ?? [];
  const old = conditions.find((c) => c.type === condition.type);
  const lastTransitionTime = old?.status === condition.status ? (old.lastTransitionTime ?? time) : time;
  const next = { ...condition, lastTransitionTime };
  const list = old === undefined ? [...conditions, next] : conditions.map((c) => (c === old ? next : c));
  return { ...pod, status: { ...pod.status, conditions: list } };
}

export function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
}
