/** How much of a container may be swapped out. Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_container_linux.go, KEP-2400. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { RuntimeResources } from '../cri/config.ts';
import type { AnyContainer } from '../lifecycle/observed.ts';
import { isCritical } from '../lifecycle/priority.ts';
import { amountOf, qosOf } from '../lifecycle/qos.ts';

export interface SwapHost {
  /** none: the kernel does not count swap by control groups. */
  readonly cgroups: 'v1' | 'v2' | 'none';
  readonly behavior: '' | 'NoSwap' | 'LimitedSwap';
  readonly nodeMemoryBytes: number;
  readonly nodeSwapBytes: number;
}

type SwapLimits = Pick<RuntimeResources, 'memorySwapLimitInBytes' | 'unified'>;

/** `memoryLimitBytes`: of the container; undefined = none. */
export function swapLimits(
  pod: Pod,
  container: AnyContainer,
  memoryLimitBytes: number | undefined,
  host: SwapHost,
): SwapLimits {
  if (host.cgroups === 'none') return {};
  if (host.cgroups === 'v2') return { unified: { 'memory.swap.max': String(swapBytes(pod, container, host)) } };
  // With v1 the limit is of memory and swap together: as much as of memory alone leaves nothing for swap.
  return memoryLimitBytes === undefined ? {} : { memorySwapLimitInBytes: memoryLimitBytes };
}

/** A share of the node's swap as large as the container's share of its memory, for containers that may use more than they ask for. */
function swapBytes(pod: Pod, { resources }: AnyContainer, host: SwapHost): number {
  const { behavior, nodeMemoryBytes, nodeSwapBytes } = host;
  if (behavior !== 'LimitedSwap' || isCritical(pod) || qosOf(pod) !== 'Burstable') return 0;
  const request = amountOf(resources?.requests, 'memory');
  const limit = amountOf(resources?.limits, 'memory');
  if (request === limit || nodeMemoryBytes <= 0 || request > nodeMemoryBytes) return 0;
  return Math.floor((request / nodeMemoryBytes) * nodeSwapBytes);
}
