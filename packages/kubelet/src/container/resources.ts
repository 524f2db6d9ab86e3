/** Requests and limits as the kernel takes them. Source: kubernetes pkg/kubelet/cm/helpers_linux.go, pkg/kubelet/qos. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { RuntimeResources } from '../cri/config.ts';
import type { AnyContainer } from '../lifecycle/observed.ts';
import { isSidecar } from '../lifecycle/observed.ts';
import { amountOf, qosOf } from '../lifecycle/qos.ts';
import { type SwapHost, swapLimits } from './swap.ts';

export const CPU_PERIOD_US = 100_000;
const CPU_QUOTA_MIN_US = 1000;
const CPU_SHARES_MIN = 2;
const CPU_SHARES_MAX = 262_144;
const CRITICAL_PRIORITY = 2_000_000_000;

export function milliToShares(milli: number): number {
  if (milli === 0) return CPU_SHARES_MIN;
  return Math.min(Math.max(Math.floor((milli * 1024) / 1000), CPU_SHARES_MIN), CPU_SHARES_MAX);
}

/** 0 = unlimited. */
export function milliToQuota(milli: number): number {
  return milli === 0 ? 0 : Math.max(Math.floor((milli * CPU_PERIOD_US) / 1000), CPU_QUOTA_MIN_US);
}

export interface ResourceLimits {
  readonly nodeMemoryBytes: number;
  /** Without CAP_SYS_RESOURCE nobody may go below zero. */
  readonly oomScoreAdjMin: number;
  /** false: limits on CPU time are not enforced. Default: they are. */
  readonly cpuQuota?: boolean;
  /** Absent: the runtime decides. */
  readonly swap?: SwapHost;
}

export function runtimeResources(pod: Pod, container: AnyContainer, limits: ResourceLimits): RuntimeResources {
  const { resources } = container;
  const podLimits = pod.spec.resources?.limits;
  const cpuLimit = amountOf(resources?.limits, 'cpu') || amountOf(podLimits, 'cpu');
  const hasRequest = resources?.requests?.['cpu'] !== undefined;
  const cpuRequest = hasRequest ? amountOf(resources?.requests, 'cpu') : cpuLimit;
  const memory = amountOf(resources?.limits, 'memory') || amountOf(podLimits, 'memory');
  const hugepages = hugepageLimits(container);
  return {
    cpuPeriod: CPU_PERIOD_US,
    cpuQuota: limits.cpuQuota === false ? -1 : milliToQuota(cpuLimit),
    cpuShares: milliToShares(cpuRequest),
    ...(memory > 0 ? { memoryLimitInBytes: memory } : {}),
    oomScoreAdj: Math.max(oomScoreAdj(pod, container, limits.nodeMemoryBytes), limits.oomScoreAdjMin),
    ...(hugepages.length > 0 ? { hugepageLimits: hugepages } : {}),
    ...(limits.swap === undefined ? {} : swapLimits(pod, container, memory > 0 ? memory : undefined, limits.swap)),
  };
}

function hugepageLimits({ resources }: AnyContainer) {
  return Object.entries(resources?.limits ?? {})
    .filter(([name]) => name.startsWith('hugepages-'))
    .map(([name]) => ({
      pageSize: `${name.slice('hugepages-'.length).replace(/i$/, '')}B`,
      limit: amountOf({ memory: resources?.limits?.[name] as string }, 'memory'),
    }));
}

/** Who is killed first when memory runs out: the more a container may use beyond its request, the sooner. */
export function oomScoreAdj(pod: Pod, container: AnyContainer, nodeMemoryBytes: number): number {
  if ((pod.spec.priority ?? 0) >= CRITICAL_PRIORITY) return -997;
  const qos = qosOf(pod);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const requestOf = (c: AnyContainer) => amountOf(c.resources?.requests, 'memory');
  let request = requestOf(container);
  if (isSidecar(container) && pod.spec.initContainers?.some(({ name }) => name === container.name)) {
    // A sidecar outlives no main container: it may not be killed before the least protected of them.
    const mains = pod.spec.containers.map(requestOf);
    request = Math.max(request, Math.min(...mains));
  }
  const score = 1000 - Math.floor((1000 * request) / nodeMemoryBytes);
  if (score < 3) return 3;
  return score === 1000 ? 999 : score;
}
