/** Which Pod goes first. Source: kubernetes pkg/kubelet/eviction/helpers.go (rank functions). */
import { quantityValue } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { podAmounts } from '../lifecycle/qos.ts';
import { isLocalVolume } from '../stats/stats-provider.ts';
import type { FsStats, PodStats } from '../stats/summary.ts';
import { resourceOf, type Signal } from './thresholds.ts';

export type PodStatsOf = (pod: Pod) => PodStats | undefined;

/** Parts of a Pod's use of disks. */
export interface DiskParts {
  readonly rootfs: boolean;
  readonly logs: boolean;
  readonly volumes: boolean;
}

const ALL_PARTS: DiskParts = { rootfs: true, logs: true, volumes: true };

/** With images on a disk of their own, that disk holds the writable layers and the other one all the rest. */
export function diskPartsOf(signal: Signal, dedicatedImageFs: boolean): DiskParts {
  if (!dedicatedImageFs) return ALL_PARTS;
  return signal.startsWith('nodefs.')
    ? { rootfs: false, logs: true, volumes: true }
    : { rootfs: true, logs: false, volumes: false };
}

type Compare = (a: Pod, b: Pod) => number;

/** The first to be evicted first. Pods of which nothing is known go before all others. */
export function rankForEviction(
  pods: readonly Pod[],
  statsOf: PodStatsOf,
  signal: Signal,
  dedicatedImageFs: boolean,
): readonly Pod[] {
  const usage = usageOf(signal, statsOf, dedicatedImageFs);
  const unknownFirst: Compare = (a, b) => Number(statsOf(a) !== undefined) - Number(statsOf(b) !== undefined);
  const byPriority: Compare = (a, b) => (a.spec.priority ?? 0) - (b.spec.priority ?? 0);
  const exceeds = (pod: Pod) => (usage(pod) > requestOf(pod, signal) ? 0 : 1);
  const byExcess: Compare = (a, b) => exceeds(a) - exceeds(b);
  const over = (pod: Pod) => usage(pod) - excessBase(pod, signal);
  const byUse: Compare = (a, b) => over(b) - over(a);
  const order =
    resourceOf(signal) === 'pids' ? [byPriority, unknownFirst, byUse] : [unknownFirst, byExcess, byPriority, byUse];
  return pods.toSorted((a, b) => {
    for (const compare of order) {
      const result = compare(a, b);
      if (result !== 0) return result;
    }
    return 0;
  });
}

function usageOf(signal: Signal, statsOf: PodStatsOf, dedicatedImageFs: boolean): (pod: Pod) => number {
  const resource = resourceOf(signal);
  if (resource === 'memory') return (pod) => statsOf(pod)?.memory?.workingSetBytes ?? 0;
  if (resource === 'pids') return (pod) => statsOf(pod)?.process_stats?.process_count ?? 0;
  const parts = diskPartsOf(signal, dedicatedImageFs);
  const pick = (fs: FsStats | undefined) => (resource === 'inodes' ? fs?.inodesUsed : fs?.usedBytes) ?? 0;
  return (pod) => {
    const stats = statsOf(pod);
    if (stats === undefined) return 0;
    const local = new Set((pod.spec.volumes ?? []).filter(isLocalVolume).map(({ name }) => name));
    const used: (FsStats | undefined)[] = [];
    if (parts.rootfs) used.push(...stats.containers.map(({ rootfs }) => rootfs));
    if (parts.logs) used.push(...stats.containers.map(({ logs }) => logs));
    if (parts.volumes) used.push(...(stats.volume ?? []).filter(({ name }) => local.has(name)));
    return used.reduce((sum, fs) => sum + pick(fs), 0);
  };
}

function requestOf(pod: Pod, signal: Signal): number {
  const resource = resourceOf(signal);
  if (resource === 'memory') return podAmounts(pod.spec).memoryRequestBytes;
  return resource === 'ephemeral-storage' ? ephemeralSum(pod, 'requests') : 0;
}

/** Upstream compares inodes, too, with the requested bytes taken off. */
function excessBase(pod: Pod, signal: Signal): number {
  const resource = resourceOf(signal);
  if (resource === 'pids') return 0;
  return resource === 'inodes' ? ephemeralSum(pod, 'requests') : requestOf(pod, signal);
}

/** Of main containers together or the greatest init container. */
export function ephemeralSum({ spec }: Pod, kind: 'requests' | 'limits'): number {
  const of = (resources: Readonly<Record<string, string>> | undefined) => {
    const text = resources?.['ephemeral-storage'];
    return text === undefined ? 0 : quantityValue(text);
  };
  const mains = spec.containers.reduce((sum, { resources }) => sum + of(resources?.[kind]), 0);
  const inits = (spec.initContainers ?? []).map(({ resources }) => of(resources?.[kind]));
  return Math.max(mains, ...inits);
}
