/** Changes in the cluster that can make a rejected Pod schedulable. Source: kubernetes pkg/scheduler/framework/events.go. */
import type { KubeObject } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import { type Amounts, podRequests } from './resources.ts';
import type { PodState } from './pod-state.ts';

export type EventResource =
  | 'AssignedPod'
  | 'UnscheduledPod'
  | 'Node'
  | 'PersistentVolume'
  | 'PersistentVolumeClaim'
  | 'CSINode'
  | 'CSIDriver'
  | 'VolumeAttachment'
  | 'CSIStorageCapacity'
  | 'StorageClass'
  | 'ResourceClaim'
  | 'ResourceSlice'
  | 'DeviceClass'
  | '*';

export type EventAction =
  | 'Add'
  | 'Delete'
  | 'Update'
  | 'UpdateNodeAllocatable'
  | 'UpdateNodeLabel'
  | 'UpdateNodeTaint'
  | 'UpdateNodeCondition'
  | 'UpdateNodeAnnotation'
  | 'UpdateNodeDeclaredFeature'
  | 'UpdatePodLabel'
  | 'UpdatePodScaleDown'
  | 'UpdatePodToleration'
  | 'UpdatePodSchedulingGatesEliminated'
  | 'UpdatePodGeneratedResourceClaim';

/** What happened, with the object before and after; `old` is absent for Add, `new` for Delete. */
export interface ClusterEvent {
  readonly resource: EventResource;
  readonly action: EventAction;
  readonly old?: KubeObject;
  readonly new?: KubeObject;
}

/**
 * Events after which a Pod that the plugin refused may fit. `Update` stands for every kind of update.
 * Without `hint` each of them does; it is asked with the Pod that waits and answers whether to try it again.
 */
export interface EventInterest {
  readonly resource: EventResource | 'Pod';
  readonly actions: readonly EventAction[];
  hint?(pod: PodState, event: ClusterEvent): boolean;
}

/** `AssignedPodDelete`, `NodeUpdateNodeLabel`: the `event` label of the queue's metrics. */
export function eventLabel({ resource, action }: ClusterEvent): string {
  return `${resource}${action}`;
}

export function isInterested(interest: EventInterest, event: ClusterEvent): boolean {
  if (event.resource === '*') return true;
  const isPod = event.resource === 'AssignedPod' || event.resource === 'UnscheduledPod';
  if (interest.resource !== event.resource && !(interest.resource === 'Pod' && isPod)) return false;
  if (interest.actions.includes(event.action)) return true;
  return event.action.startsWith('Update') && interest.actions.includes('Update');
}

export function nodeUpdateEvents(node: Node, old: Node): ClusterEvent[] {
  const actions: EventAction[] = [];
  const conditions = (n: Node) => Object.fromEntries((n.status?.conditions ?? []).map((c) => [c.type, c.status]));
  if (old.spec.unschedulable === true && node.spec.unschedulable !== true) actions.push('UpdateNodeTaint');
  if (!jsonEqual(old.status?.allocatable, node.status?.allocatable)) actions.push('UpdateNodeAllocatable');
  if (!jsonEqual(old.metadata.labels, node.metadata.labels)) actions.push('UpdateNodeLabel');
  if (!jsonEqual(old.spec.taints, node.spec.taints)) actions.push('UpdateNodeTaint');
  if (!jsonEqual(conditions(old), conditions(node))) actions.push('UpdateNodeCondition');
  if (!jsonEqual(old.metadata.annotations, node.metadata.annotations)) actions.push('UpdateNodeAnnotation');
  if (!jsonEqual(old.status?.declaredFeatures, node.status?.declaredFeatures))
    actions.push('UpdateNodeDeclaredFeature');
  return [...new Set(actions)].map((action) => ({ resource: 'Node', action, old, new: node }));
}

/** At least one event: a change that says nothing to scheduling is `Update`. */
export function podUpdateEvents(pod: Pod, old: Pod): ClusterEvent[] {
  const resource = pod.spec.nodeName ? 'AssignedPod' : 'UnscheduledPod';
  const actions: EventAction[] = [];
  if (!jsonEqual(old.metadata.labels, pod.metadata.labels)) actions.push('UpdatePodLabel');
  if (isScaledDown(pod, old)) actions.push('UpdatePodScaleDown');
  const gates = (p: Pod) => p.spec.schedulingGates?.length ?? 0;
  if (gates(pod) === 0 && gates(old) > 0) actions.push('UpdatePodSchedulingGatesEliminated');
  if (pod.spec.tolerations?.length !== old.spec.tolerations?.length) actions.push('UpdatePodToleration');
  const claims = (p: Pod) => [p.status?.resourceClaimStatuses, p.status?.extendedResourceClaimStatus];
  if (!jsonEqual(claims(pod), claims(old))) actions.push('UpdatePodGeneratedResourceClaim');
  if (actions.length === 0) actions.push('Update');
  return actions.map((action) => ({ resource, action, old, new: pod }));
}

function isScaledDown(pod: Pod, old: Pod): boolean {
  if (pod.spec.containers === old.spec.containers && pod.status === old.status) return false;
  const before: Amounts = podRequests(old, { useStatus: true });
  const after = podRequests(pod, { useStatus: true });
  for (const [resource, amount] of before) {
    const now = after.get(resource);
    if (now === undefined || amount > now) return true;
  }
  return false;
}
