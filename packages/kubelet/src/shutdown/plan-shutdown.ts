/** In which order, and with how much time each, Pods end before the machine goes down. Source: kubernetes pkg/kubelet/nodeshutdown. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { KubeletConfig, ShutdownPeriod } from '../config/kubelet-config.ts';

const SYSTEM_CRITICAL = 2_000_000_000;

type ShutdownConfig = Pick<
  KubeletConfig,
  'shutdownGracePeriodMs' | 'shutdownGracePeriodCriticalPodsMs' | 'shutdownGracePeriodByPodPriority'
>;

/** From the lowest priority to the highest; empty = nobody wants a graceful shutdown. */
export function shutdownPeriods(config: ShutdownConfig): readonly ShutdownPeriod[] {
  const { shutdownGracePeriodByPodPriority: byPriority, shutdownGracePeriodMs: all } = config;
  if (byPriority.length > 0) return byPriority.toSorted((a, b) => a.priority - b.priority);
  if (all === 0) return [];
  const critical = config.shutdownGracePeriodCriticalPodsMs;
  const seconds = (ms: number) => Math.floor(ms / 1000);
  return [
    { priority: 0, shutdownGracePeriodSeconds: seconds(all - critical) },
    { priority: SYSTEM_CRITICAL, shutdownGracePeriodSeconds: seconds(critical) },
  ];
}

export const totalSeconds = (periods: readonly ShutdownPeriod[]): number =>
  periods.reduce((sum, { shutdownGracePeriodSeconds }) => sum + shutdownGracePeriodSeconds, 0);

export interface ShutdownGroup<T> {
  readonly graceSeconds: number;
  readonly members: readonly T[];
}

/** Each Pod goes with the highest priority that is not above its own, or the lowest there is. Groups without Pods take no time. */
export function groupForShutdown<T extends { readonly pod: Pod }>(
  periods: readonly ShutdownPeriod[],
  members: readonly T[],
): readonly ShutdownGroup<T>[] {
  const indexOf = ({ pod }: T) => {
    const priority = pod.spec.priority ?? 0;
    return Math.max(
      0,
      periods.findLastIndex((period) => period.priority <= priority),
    );
  };
  return periods
    .map(({ shutdownGracePeriodSeconds }, i) => ({
      graceSeconds: shutdownGracePeriodSeconds,
      members: members.filter((member) => indexOf(member) === i),
    }))
    .filter((group) => group.members.length > 0);
}
