/** What a host can be asked about its use; node/host-stats.ts answers from /proc and the control groups. */
import type { InterfaceStats, PsiStats } from './summary.ts';

export interface Pressures {
  readonly cpu?: PsiStats;
  readonly memory?: PsiStats;
  readonly io?: PsiStats;
}

export interface CgroupReading {
  /** Of processor time. */
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  readonly inactiveFileBytes: number;
  readonly rssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  /** undefined = no limit. */
  readonly memoryLimitBytes?: number;
  readonly swapBytes?: number;
  readonly processCount: number;
  readonly pressures: Pressures;
}

export interface FsReading {
  /** Two paths with the same device share what is free. */
  readonly device: number;
  readonly availableBytes: number;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly inodesFree: number;
  readonly inodes: number;
}

export interface NodeReading {
  readonly cpuNanos: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
  readonly inactiveFileBytes: number;
  readonly rssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly swapTotalBytes: number;
  readonly swapFreeBytes: number;
  readonly pidsMax: number;
  readonly pidsUsed: number;
  readonly bootTimeMs: number;
  readonly interfaces: readonly InterfaceStats[];
  readonly pressures: Pressures;
}

export interface DiskUsage {
  readonly usedBytes: number;
  readonly inodesUsed: number;
}

/** Missing things answer undefined; nothing here throws for a Pod that ends meanwhile. */
export interface HostStats {
  node(): Promise<NodeReading>;
  cgroup(name: string): Promise<CgroupReading | undefined>;
  /** Interfaces of the network namespace that the processes below that group are in. */
  interfaces(cgroup: string): Promise<readonly InterfaceStats[]>;
  fs(path: string): Promise<FsReading | undefined>;
  /** What lies below, on that file system alone. */
  disk(path: string): Promise<DiskUsage | undefined>;
}

/** Memory that cannot be had back without swapping. */
export const workingSetBytes = (r: { readonly memoryBytes: number; readonly inactiveFileBytes: number }): number =>
  Math.max(0, r.memoryBytes - r.inactiveFileBytes);
