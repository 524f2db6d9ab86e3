/** Questions that several plugins ask of an event before they let a Pod be tried again. */
import type { Node, Pod } from '@kapella/api/types/core-v1';
import type { ClusterEvent } from './cluster-events.ts';
import type { PodState } from './pod-state.ts';

/** The event is about the Pod that waits. */
export function isSamePod({ pod }: PodState, { new: changed }: ClusterEvent): boolean {
  return changed?.metadata.uid === pod.metadata.uid;
}

export function podsOf(event: ClusterEvent): { readonly old: Pod | undefined; readonly now: Pod | undefined } {
  return { old: event.old as Pod | undefined, now: event.new as Pod | undefined };
}

export function nodesOf(event: ClusterEvent): { readonly old: Node | undefined; readonly now: Node | undefined } {
  return { old: event.old as Node | undefined, now: event.new as Node | undefined };
}

/** On a node, or promised one. A Pod that is neither takes nothing from anyone. */
export function isOnNode(pod: Pod | undefined): boolean {
  return Boolean(pod?.spec.nodeName) || Boolean(pod?.status?.nominatedNodeName);
}

/** The names of the claims that the Pod's volumes use; those of generic ephemeral volumes where asked. */
export function claimNamesOf(pod: Pod, withEphemeral = false): string[] {
  const names: string[] = [];
  for (const { name, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
    if (persistentVolumeClaim !== undefined) names.push(persistentVolumeClaim.claimName);
    else if (withEphemeral && ephemeral !== undefined) names.push(`${pod.metadata.name}-${name}`);
  }
  return names;
}

/** The event is about a claim that the Pod uses. */
export function isOwnClaim({ pod, namespace }: PodState, { old, new: now }: ClusterEvent): boolean {
  const metadata = (now ?? old)?.metadata;
  return metadata?.namespace === namespace && claimNamesOf(pod, true).includes(metadata.name);
}
