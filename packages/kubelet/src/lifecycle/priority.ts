/** Pods without which a node or the cluster does not work. Source: kubernetes pkg/kubelet/types (IsCriticalPod). */
import type { Pod } from '@kapella/api/types/core-v1';

const SYSTEM_CRITICAL = 2_000_000_000;
const SOURCE = 'kubernetes.io/config.source';
const MIRROR = 'kubernetes.io/config.mirror';

/** Named in a file of the node, not by the API. */
export function isStatic({ metadata }: Pod): boolean {
  const source = metadata.annotations?.[SOURCE];
  return (source !== undefined && source !== 'api') || metadata.annotations?.[MIRROR] !== undefined;
}

export const isCritical = (pod: Pod): boolean => isStatic(pod) || (pod.spec.priority ?? 0) >= SYSTEM_CRITICAL;
