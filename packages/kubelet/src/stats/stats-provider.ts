/** Puts together what the node and its Pods use. Source: kubernetes pkg/kubelet/server/stats, pkg/kubelet/stats. */
import { quantityValue } from '@kapella/api';
import type { Pod, Volume } from '@kapella/api/types/core-v1';
import { type Ctx, formatTime } from '@kapella/base';
import type { Cri, CriContainerStats } from '../cri/cri.ts';
import type { ObservedPod } from '../lifecycle/observed.ts';
import type { MountedVolume } from '../volumes/volume.ts';
import { claimNameOf } from '../volumes/persistent-volume-claim/persistent-volume-claim.ts';
import { createRates, type Rates } from './rates.ts';
import { type CgroupReading, type DiskUsage, type FsReading, type HostStats, workingSetBytes } from './readings.ts';
import type { ContainerStats, CpuStats, FsStats, MemoryStats, NetworkStats, PodStats, Summary } from './summary.ts';
import type { InterfaceStats, NodeStats, SwapStats, VolumeStats } from './summary.ts';

const VOLUMES_MS = 60_000; // walking trees is dear: upstream's volumeStatsAggPeriod

/** A Pod as the workers see it. */
export interface StatsSubject {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
}

export interface StatsProviderDeps {
  readonly host: HostStats;
  readonly cri: Pick<Cri, 'listContainerStats'>;
  subjects(): readonly StatsSubject[];
  cgroupOf(pod: Pod): string;
  readonly nodeName: string;
  /** Group of all Pods. */
  readonly cgroupRoot: string;
  readonly dataDir: string;
  readonly imageDir: string;
  readonly podsDir: string;
  readonly logsDir: string;
}

export interface PodStatsWish {
  /** Volumes are measured now, not taken from the last minute. */
  readonly fresh?: boolean;
  /** Default: every Pod. */
  only?(pod: Pod): boolean;
}

export interface StatsProvider {
  node(ctx: Ctx): Promise<NodeStats>;
  pods(wish: PodStatsWish, ctx: Ctx): Promise<readonly PodStats[]>;
  summary(ctx: Ctx): Promise<Summary>;
  /** Volumes of claims, as they were last measured. */
  claims(): readonly VolumeStats[];
  /** Images lie on another file system than the Pods. */
  hasDedicatedImageFs(): Promise<boolean>;
}

export function createStatsProvider(deps: StatsProviderDeps): StatsProvider {
  const { host, dataDir, imageDir } = deps;
  const rates = createRates();
  const volumeCache = new Map<string, { readonly atMs: number; readonly usage: DiskUsage }>();
  let claims: readonly VolumeStats[] = [];
  const node = (ctx: Ctx) => nodeStats(deps, rates, ctx);
  const pods = async ({ fresh = false, only = () => true }: PodStatsWish, ctx: Ctx) => {
    const all = deps.subjects();
    const subjects = all.filter(({ pod }) => only(pod));
    const containers = new Map((await deps.cri.listContainerStats(ctx)).map((stats) => [stats.id, stats]));
    const rootFs = await host.fs(dataDir);
    const imageFs = await host.fs(imageDir);
    const known = new Set(all.map(({ pod }) => pod.metadata.uid));
    for (const key of volumeCache.keys()) if (!known.has(key.split('/', 1)[0] as string)) volumeCache.delete(key);
    const measure = async (uid: string, path: string) => {
      const key = `${uid}/${path}`;
      const cached = volumeCache.get(key);
      const nowMs = ctx.clock.monotonicMs();
      if (!fresh && cached !== undefined && nowMs - cached.atMs < VOLUMES_MS) return cached.usage;
      const usage = await host.disk(path);
      if (usage !== undefined) volumeCache.set(key, { atMs: nowMs, usage });
      return usage;
    };
    const one = (subject: StatsSubject) =>
      podStats(subject, { deps, rates, containers, rootFs, imageFs, measure, ctx, now: formatTime(ctx.clock.nowMs()) });
    const found: PodStats[] = [];
    for (const subject of subjects) found.push(await one(subject));
    claims = found.flatMap(({ volume = [] }) => volume.filter(({ pvcRef }) => pvcRef !== undefined));
    return found;
  };
  return {
    claims: () => claims,
    node,
    pods,
    async summary(ctx) {
      return { node: await node(ctx), pods: await pods({}, ctx) };
    },
    async hasDedicatedImageFs() {
      const [root, image] = await Promise.all([host.fs(dataDir), host.fs(imageDir)]);
      return root !== undefined && image !== undefined && root.device !== image.device;
    },
  };
}

interface Measuring {
  readonly deps: StatsProviderDeps;
  readonly rates: Rates;
  readonly containers: ReadonlyMap<string, CriContainerStats>;
  readonly rootFs: FsReading | undefined;
  readonly imageFs: FsReading | undefined;
  measure(uid: string, path: string): Promise<DiskUsage | undefined>;
  readonly ctx: Ctx;
  readonly now: string;
}

async function nodeStats(deps: StatsProviderDeps, rates: Rates, ctx: Ctx): Promise<NodeStats> {
  const { host } = deps;
  const nowMs = ctx.clock.nowMs();
  const time = formatTime(nowMs);
  const [reading, pods, rootFs, imageFs] = await Promise.all([
    host.node(),
    host.cgroup(deps.cgroupRoot),
    host.fs(deps.dataDir),
    host.fs(deps.imageDir),
  ]);
  const workingSet = Math.max(0, reading.memoryUsedBytes - reading.inactiveFileBytes);
  const startTime = formatTime(reading.bootTimeMs);
  const podsContainer: ContainerStats[] =
    pods === undefined
      ? []
      : [{ name: 'pods', startTime, ...compute('pods', pods, rates, nowMs, reading.memoryTotalBytes) }];
  const network = networkStats(reading.interfaces, time);
  return {
    nodeName: deps.nodeName,
    systemContainers: podsContainer,
    startTime,
    cpu: {
      time,
      usageCoreNanoSeconds: reading.cpuNanos,
      ...rates.of('node', reading.cpuNanos, nowMs),
      ...(reading.pressures.cpu === undefined ? {} : { psi: reading.pressures.cpu }),
    },
    memory: {
      time,
      availableBytes: reading.memoryTotalBytes - workingSet,
      usageBytes: reading.memoryUsedBytes,
      workingSetBytes: workingSet,
      rssBytes: reading.rssBytes,
      pageFaults: reading.pageFaults,
      majorPageFaults: reading.majorPageFaults,
      ...(reading.pressures.memory === undefined ? {} : { psi: reading.pressures.memory }),
    },
    ...(network === undefined ? {} : { network }),
    ...(rootFs === undefined ? {} : { fs: fsStats(rootFs, time) }),
    ...(imageFs === undefined
      ? {}
      : { runtime: { imageFs: fsStats(imageFs, time), containerFs: fsStats(imageFs, time) } }),
    rlimit: { time, maxpid: reading.pidsMax, curproc: reading.pidsUsed },
    swap: {
      time,
      swapAvailableBytes: reading.swapFreeBytes,
      swapUsageBytes: reading.swapTotalBytes - reading.swapFreeBytes,
    },
  };
}

const fsStats = (fs: FsReading, time: string): FsStats => ({
  time,
  availableBytes: fs.availableBytes,
  capacityBytes: fs.capacityBytes,
  usedBytes: fs.usedBytes,
  inodesFree: fs.inodesFree,
  inodes: fs.inodes,
  inodesUsed: fs.inodes - fs.inodesFree,
});

/** A part of a file system: what is free is the whole's. */
function shareStats(fs: FsReading | undefined, usage: DiskUsage | undefined, time: string): FsStats {
  return {
    time,
    ...(fs === undefined
      ? {}
      : {
          availableBytes: fs.availableBytes,
          capacityBytes: fs.capacityBytes,
          inodesFree: fs.inodesFree,
          inodes: fs.inodes,
        }),
    usedBytes: usage?.usedBytes ?? 0,
    inodesUsed: usage?.inodesUsed ?? 0,
  };
}

function compute(
  key: string,
  reading: CgroupReading,
  rates: Rates,
  nowMs: number,
  totalBytes: number | undefined,
): { readonly cpu: CpuStats; readonly memory: MemoryStats; readonly swap?: SwapStats } {
  const time = formatTime(nowMs);
  const { pressures } = reading;
  const workingSet = workingSetBytes(reading);
  const limit = reading.memoryLimitBytes ?? totalBytes;
  return {
    cpu: {
      time,
      usageCoreNanoSeconds: reading.cpuNanos,
      ...rates.of(key, reading.cpuNanos, nowMs),
      ...(pressures.cpu === undefined ? {} : { psi: pressures.cpu }),
    },
    memory: {
      time,
      ...(limit === undefined ? {} : { availableBytes: Math.max(0, limit - workingSet) }),
      usageBytes: reading.memoryBytes,
      workingSetBytes: workingSet,
      rssBytes: reading.rssBytes,
      pageFaults: reading.pageFaults,
      majorPageFaults: reading.majorPageFaults,
      ...(pressures.memory === undefined ? {} : { psi: pressures.memory }),
    },
    ...(reading.swapBytes === undefined ? {} : { swap: { time, swapUsageBytes: reading.swapBytes } }),
  };
}

function networkStats(interfaces: readonly InterfaceStats[], time: string): NetworkStats | undefined {
  const first = interfaces.find(({ name }) => name === 'eth0') ?? interfaces[0];
  return first === undefined ? undefined : { time, ...first, interfaces };
}

async function podStats(subject: StatsSubject, m: Measuring): Promise<PodStats> {
  const { pod, observed } = subject;
  const { deps, now, rates, ctx } = m;
  const { uid, name, namespace = '' } = pod.metadata;
  const cgroup = deps.cgroupOf(pod);
  const reading = await deps.host.cgroup(cgroup);
  const running = observed.containers.filter(({ state }) => state === 'running');
  const containers: ContainerStats[] = [];
  for (const container of running) containers.push(await containerStats(subject, container, m));
  const interfaces = pod.spec.hostNetwork === true ? [] : await deps.host.interfaces(cgroup);
  const network = networkStats(interfaces, now);
  const volume: VolumeStats[] = [];
  for (const one of pod.spec.volumes ?? []) {
    const stats = await volumeStats(subject, one, m);
    if (stats !== undefined) volume.push(stats);
  }
  return {
    podRef: { name, namespace, uid },
    startTime: pod.status?.startTime ?? pod.metadata.creationTimestamp ?? now,
    containers,
    ...(reading === undefined ? {} : compute(uid, reading, rates, ctx.clock.nowMs(), undefined)),
    ...(network === undefined ? {} : { network }),
    ...(volume.length === 0 ? {} : { volume }),
    'ephemeral-storage': ephemeralStorage(pod, containers, volume, m),
    ...(reading === undefined ? {} : { process_stats: { process_count: reading.processCount } }),
  };
}

/** Volumes on the node's own disk: they count as the Pod's ephemeral storage. */
export const isLocalVolume = ({ emptyDir, configMap, secret, downwardAPI, projected, gitRepo }: Volume): boolean =>
  (emptyDir !== undefined && (emptyDir.medium ?? '') === '') ||
  [configMap, secret, downwardAPI, projected, gitRepo].some((source) => source !== undefined);

function ephemeralStorage(
  pod: Pod,
  containers: readonly ContainerStats[],
  volumes: readonly VolumeStats[],
  { rootFs, now }: Measuring,
): FsStats {
  const local = new Set((pod.spec.volumes ?? []).filter(isLocalVolume).map(({ name }) => name));
  const parts: (FsStats | undefined)[] = [
    ...containers.flatMap(({ rootfs, logs }) => [rootfs, logs]),
    ...volumes.filter(({ name }) => local.has(name)),
  ];
  const sum = (of: (fs: FsStats) => number | undefined) =>
    parts.reduce((total, part) => total + (part === undefined ? 0 : (of(part) ?? 0)), 0);
  const usage = { usedBytes: sum(({ usedBytes }) => usedBytes), inodesUsed: sum(({ inodesUsed }) => inodesUsed) };
  return shareStats(rootFs, usage, now);
}

async function containerStats(
  { pod }: StatsSubject,
  container: ObservedPod['containers'][number],
  m: Measuring,
): Promise<ContainerStats> {
  const { now } = m;
  const { namespace, name, uid } = pod.metadata;
  const stats = m.containers.get(container.id);
  const limit = pod.spec.containers.find((c) => c.name === container.name)?.resources?.limits?.['memory'];
  const logs = await m.measure(uid, `${m.deps.logsDir}/${namespace}_${name}_${uid}/${container.name}`);
  const cpu = stats?.cpu;
  const memory = stats?.memory;
  return {
    name: container.name,
    startTime: formatTime(container.startedAtMs),
    ...(cpu === undefined
      ? {}
      : {
          cpu: {
            time: formatTime(cpu.timestampMs),
            ...(cpu.usageNanoCores === undefined
              ? m.rates.of(container.id, Number(cpu.usageCoreNanoSeconds), cpu.timestampMs)
              : { usageNanoCores: cpu.usageNanoCores }),
            usageCoreNanoSeconds: Number(cpu.usageCoreNanoSeconds),
          },
        }),
    ...(memory === undefined
      ? {}
      : {
          memory: {
            time: formatTime(memory.timestampMs),
            ...(limit === undefined
              ? {}
              : { availableBytes: Math.max(0, quantityValue(limit) - memory.workingSetBytes) }),
            usageBytes: memory.usageBytes,
            workingSetBytes: memory.workingSetBytes,
            rssBytes: memory.rssBytes,
            pageFaults: memory.pageFaults,
            majorPageFaults: memory.majorPageFaults,
          },
        }),
    rootfs: shareStats(m.imageFs, stats?.writableLayer, now),
    logs: shareStats(m.rootFs, logs, now),
  };
}

async function volumeStats(
  { pod, volumes }: StatsSubject,
  volume: Volume,
  m: Measuring,
): Promise<VolumeStats | undefined> {
  const mounted = volumes.get(volume.name);
  if (mounted === undefined || mounted.hostPath === '' || volume.hostPath !== undefined) return undefined;
  const claimed = volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined;
  const { uid, namespace = '' } = pod.metadata;
  if (!claimed && isLocalVolume(volume)) {
    const usage = await m.measure(uid, mounted.hostPath);
    return { name: volume.name, ...shareStats(m.rootFs, usage, m.now) };
  }
  const ref = claimed ? { pvcRef: { name: claimNameOf(pod, volume), namespace } } : {};
  const told = await mounted.measure?.(m.ctx);
  if (told !== undefined) return { name: volume.name, time: m.now, ...told, ...ref };
  const fs = mounted.block === true ? undefined : await m.deps.host.fs(mounted.hostPath);
  return fs === undefined ? undefined : { name: volume.name, ...fsStats(fs, m.now), ...ref };
}
