/** Pods that write more to the node's disk than they may. Source: eviction_manager.go (localStorageEviction). */
import { Quantity, quantityValue } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { PodStats } from '../stats/summary.ts';
import { ephemeralSum } from './rank.ts';

export interface LocalStorageVerdict {
  readonly message: string;
  /** As the metric kubelet_evictions names it. */
  readonly signal: 'emptydirfs.limit' | 'ephemeralpodfs.limit' | 'ephemeralcontainerfs.limit';
}

/** Whether there is anything to check: nothing is measured for the others. */
export const hasStorageLimits = (pod: Pod): boolean =>
  (pod.spec.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) || ephemeralSum(pod, 'limits') > 0;

/** undefined = within its limits. */
export function judgeLocalStorage(
  pod: Pod,
  stats: PodStats,
  dedicatedImageFs: boolean,
): LocalStorageVerdict | undefined {
  return judgeEmptyDirs(pod, stats) ?? judgePod(pod, stats) ?? judgeContainers(pod, stats, dedicatedImageFs);
}

const canonical = (text: string) => Quantity.parse(text).toString();

function judgeEmptyDirs({ spec }: Pod, { volume = [] }: PodStats): LocalStorageVerdict | undefined {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    const used = volume.find((one) => one.name === name)?.usedBytes;
    if (limit === undefined || used === undefined || quantityValue(limit) <= 0 || used <= quantityValue(limit))
      continue;
    const message = `Usage of EmptyDir volume "${name}" exceeds the limit "${canonical(limit)}". `;
    return { message, signal: 'emptydirfs.limit' };
  }
  return undefined;
}

function judgePod(pod: Pod, stats: PodStats): LocalStorageVerdict | undefined {
  const limit = ephemeralSum(pod, 'limits');
  if (limit === 0 || (stats['ephemeral-storage']?.usedBytes ?? 0) <= limit) return undefined;
  const text = Quantity.of(limit, 'BinarySI').toString();
  const message = `Pod ephemeral local storage usage exceeds the total limit of containers ${text}. `;
  return { message, signal: 'ephemeralpodfs.limit' };
}

function judgeContainers({ spec }: Pod, stats: PodStats, dedicatedImageFs: boolean): LocalStorageVerdict | undefined {
  for (const { name, rootfs, logs } of stats.containers) {
    const limit = spec.containers.find((one) => one.name === name)?.resources?.limits?.['ephemeral-storage'];
    if (limit === undefined || quantityValue(limit) === 0) continue;
    const used = (logs?.usedBytes ?? 0) + (dedicatedImageFs ? 0 : (rootfs?.usedBytes ?? 0));
    if (used <= quantityValue(limit)) continue;
    const message = `Container ${name} exceeded its local ephemeral storage limit "${canonical(limit)}". `;
    return { message, signal: 'ephemeralcontainerfs.limit' };
  }
  return undefined;
}
