/** Use of processor, memory, disk and network, read from /proc and the control groups. Source: cadvisor, libcontainer. */
import type { Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { CgroupReading, DiskUsage, FsReading, HostStats, NodeReading, Pressures } from '../readings.ts';
import type { InterfaceStats, PsiData, PsiStats } from '../summary.ts';

const CLOCK_TICK_NANOS = 10_000_000; // USER_HZ is 100 on every Linux architecture that Go runs on
const UNLIMITED_BYTES = 2 ** 62;
const ENTRIES_MAX = 2_000_000; // of one tree: beyond that the walk is stopped and what was seen counts

const text = (path: string) => fs.readFile(path, 'utf8').catch(() => undefined);
const numberIn = async (path: string) => {
  const found = await text(path);
  return found === undefined ? undefined : Number(found.trim());
};

/** `mountRoot`: /sys/fs/cgroup. */
export async function createHostStats(mountRoot = '/sys/fs/cgroup'): Promise<HostStats> {
  const unified = (await text(`${mountRoot}/cgroup.controllers`)) !== undefined;
  return {
    node: readNode,
    cgroup: (name) => (unified ? readV2(mountRoot + name) : readV1(mountRoot, name)),
    interfaces: (name) => readInterfaces(unified ? mountRoot + name : `${mountRoot}/pids${name}`),
    fs: readFs,
    disk: readDisk,
  };
}

const table = (content: string | undefined) =>
  new Map((content ?? '').split('\n').map((line) => [line.split(/[\s:]+/)[0] ?? '', Number(line.split(/\s+/)[1])]));

async function readV1(root: string, name: string): Promise<CgroupReading | undefined> {
  const memory = `${root}/memory${name}`;
  const [cpuNanos, memoryBytes, limit, stat, processCount, pressures] = await Promise.all([
    numberIn(`${root}/cpuacct${name}/cpuacct.usage`),
    numberIn(`${memory}/memory.usage_in_bytes`),
    numberIn(`${memory}/memory.limit_in_bytes`),
    text(`${memory}/memory.stat`),
    numberIn(`${root}/pids${name}/pids.current`),
    readPressures(`${root}/unified${name}`, '.pressure'),
  ]);
  if (cpuNanos === undefined || memoryBytes === undefined) return undefined;
  const values = table(stat);
  const swapBytes = values.get('total_swap');
  return {
    cpuNanos,
    memoryBytes,
    inactiveFileBytes: values.get('total_inactive_file') ?? 0,
    rssBytes: values.get('total_rss') ?? 0,
    pageFaults: values.get('total_pgfault') ?? 0,
    majorPageFaults: values.get('total_pgmajfault') ?? 0,
    ...(limit === undefined || limit >= UNLIMITED_BYTES ? {} : { memoryLimitBytes: limit }),
    ...(swapBytes === undefined ? {} : { swapBytes }),
    processCount: processCount ?? 0,
    pressures,
  };
}

async function readV2(dir: string): Promise<CgroupReading | undefined> {
  const [cpu, memoryBytes, limit, stat, swapBytes, processCount, pressures] = await Promise.all([
    text(`${dir}/cpu.stat`),
    numberIn(`${dir}/memory.current`),
    numberIn(`${dir}/memory.max`),
    text(`${dir}/memory.stat`),
    numberIn(`${dir}/memory.swap.current`),
    numberIn(`${dir}/pids.current`),
    readPressures(dir, '.pressure'),
  ]);
  if (cpu === undefined || memoryBytes === undefined) return undefined;
  const values = table(stat);
  return {
    cpuNanos: (table(cpu).get('usage_usec') ?? 0) * 1000,
    memoryBytes,
    inactiveFileBytes: values.get('inactive_file') ?? 0,
    rssBytes: values.get('anon') ?? 0,
    pageFaults: values.get('pgfault') ?? 0,
    majorPageFaults: values.get('pgmajfault') ?? 0,
    ...(limit === undefined || Number.isNaN(limit) ? {} : { memoryLimitBytes: limit }),
    ...(swapBytes === undefined ? {} : { swapBytes }),
    processCount: processCount ?? 0,
    pressures,
  };
}

async function readPressures(dir: string, suffix: string): Promise<Pressures> {
  const [cpu, memory, io] = await Promise.all(
    ['cpu', 'memory', 'io'].map(async (what) => parsePressure(await text(`${dir}/${what}${suffix}`))),
  );
  return { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}), ...(io ? { io } : {}) };
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the same with `full`; the total is in microseconds. */
export function parsePressure(content: string | undefined): PsiStats | undefined {
  const none: PsiData = { total: 0, avg10: 0, avg60: 0, avg300: 0 };
  if (content === undefined || !content.startsWith('some')) return undefined;
  const line = (kind: string): PsiData => {
    const found = content.split('\n').find((one) => one.startsWith(`${kind} `));
    if (found === undefined) return none;
    const values = new Map(found.split(' ').map((part) => part.split('=') as [string, string]));
    const of = (key: string) => Number(values.get(key) ?? 0);
    return { total: of('total') * 1000, avg10: of('avg10'), avg60: of('avg60'), avg300: of('avg300') };
  };
  return { full: line('full'), some: line('some') };
}

async function readNode(): Promise<NodeReading> {
  const [meminfo, stat, vmstat, loadavg, pidMax, threadsMax, dev, pressures] = await Promise.all([
    text('/proc/meminfo'),
    text('/proc/stat'),
    text('/proc/vmstat'),
    text('/proc/loadavg'),
    numberIn('/proc/sys/kernel/pid_max'),
    numberIn('/proc/sys/kernel/threads-max'),
    text('/proc/net/dev'),
    readPressures('/proc/pressure', ''),
  ]);
  const memory = table(meminfo);
  const kib = (name: string) => (memory.get(name) ?? 0) * 1024;
  const cpu = (stat?.split('\n')[0] ?? '').trim().split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = cpu;
  const faults = table(vmstat);
  return {
    cpuNanos: (user + nice + system + irq + softirq + steal) * CLOCK_TICK_NANOS,
    memoryTotalBytes: kib('MemTotal'),
    memoryUsedBytes: kib('MemTotal') - kib('MemFree'),
    inactiveFileBytes: kib('Inactive(file)'),
    rssBytes: kib('AnonPages'),
    pageFaults: faults.get('pgfault') ?? 0,
    majorPageFaults: faults.get('pgmajfault') ?? 0,
    swapTotalBytes: kib('SwapTotal'),
    swapFreeBytes: kib('SwapFree'),
    pidsMax: Math.min(pidMax ?? 32_768, threadsMax ?? Number.POSITIVE_INFINITY),
    pidsUsed: Number(loadavg?.split(' ')[3]?.split('/')[1] ?? 0),
    bootTimeMs: (table(stat).get('btime') ?? 0) * 1000,
    interfaces: parseInterfaces(dev),
    pressures,
  };
}

/** /proc/net/dev, without the loopback. */
export function parseInterfaces(content: string | undefined): readonly InterfaceStats[] {
  return (content ?? '')
    .split('\n')
    .slice(2)
    .flatMap((line) => {
      const [name = '', rest] = line.split(':');
      if (rest === undefined || name.trim() === 'lo') return [];
      const values = rest.trim().split(/\s+/).map(Number);
      const at = (i: number) => values[i] ?? 0;
      return [{ name: name.trim(), rxBytes: at(0), rxErrors: at(2), txBytes: at(8), txErrors: at(10) }];
    });
}

async function readInterfaces(dir: string): Promise<readonly InterfaceStats[]> {
  const names = await fs.readdir(dir, { withFileTypes: true }).catch(() => []);
  for (const entry of names) {
    if (!entry.isDirectory()) continue;
    const pid = (await text(`${dir}/${entry.name}/cgroup.procs`))?.split('\n')[0];
    const content = pid ? await text(`/proc/${pid}/net/dev`) : undefined;
    if (content !== undefined) return parseInterfaces(content);
  }
  return [];
}

async function readFs(path: string): Promise<FsReading | undefined> {
  try {
    const [disk, info] = await Promise.all([fs.statfs(path), fs.stat(path)]);
    return {
      device: info.dev,
      availableBytes: disk.bavail * disk.bsize,
      capacityBytes: disk.blocks * disk.bsize,
      usedBytes: (disk.blocks - disk.bfree) * disk.bsize,
      inodesFree: disk.ffree,
      inodes: disk.files,
    };
  } catch {
    return undefined;
  }
}

/** As du counts: blocks in use, a file with several names once, other file systems left out. */
async function readDisk(path: string): Promise<DiskUsage | undefined> {
  const root = await fs.lstat(path).catch(() => undefined);
  if (root === undefined) return undefined;
  const seen = new Set<number>();
  const isNew = (info: Stats) => info.dev === root.dev && !(info.nlink > 1 && seen.has(info.ino));
  let usedBytes = root.blocks * 512;
  let inodesUsed = 1;
  const waiting = [path];
  for (let dir = waiting.pop(); dir !== undefined && inodesUsed < ENTRIES_MAX; dir = waiting.pop()) {
    for (const name of await fs.readdir(dir).catch(() => [])) {
      const info = await fs.lstat(`${dir}/${name}`).catch(() => undefined);
      if (info === undefined || !isNew(info)) continue;
      if (info.isDirectory()) waiting.push(`${dir}/${name}`);
      else seen.add(info.ino);
      usedBytes += info.blocks * 512;
      inodesUsed++;
    }
  }
  return { usedBytes, inodesUsed };
}
