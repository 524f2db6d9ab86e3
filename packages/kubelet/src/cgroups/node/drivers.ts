/** Control groups through their file systems: v1 (a tree per controller) and v2 (one tree). Source: opencontainers/cgroups. */
import * as fs from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { CPU_PERIOD_US } from '../../container/resources.ts';
import type { CgroupDriver, CgroupLimits } from '../cgroups.ts';

const REMOVE_TRIES_MAX = 40;
const REMOVE_PAUSE_MS = 25;
const V1_CONTROLLERS = ['cpu', 'memory', 'pids'] as const;

/** `mountRoot`: /sys/fs/cgroup. */
export async function createHostCgroups(mountRoot = '/sys/fs/cgroup'): Promise<CgroupDriver> {
  const unified = await exists(`${mountRoot}/cgroup.controllers`);
  return unified ? createV2(mountRoot) : createV1(mountRoot);
}

const exists = (path: string) =>
  fs.access(path).then(
    () => true,
    () => false,
  );

async function subdirectories(path: string): Promise<readonly string[]> {
  try {
    const entries = await fs.readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Limits that the kernel refuses (a controller that is off) are worth no Pod: the rest holds. */
const put = (path: string, value: string | number) => fs.writeFile(path, String(value)).catch(() => {});

/** Bottom up. A group is busy for a moment after its last process has ended. */
async function removeTree(path: string): Promise<void> {
  for (const name of await subdirectories(path)) await removeTree(`${path}/${name}`);
  for (let i = 0; ; i++) {
    try {
      await fs.rmdir(path);
      return;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || i >= REMOVE_TRIES_MAX) throw error;
      await killAll(path);
      await delay(REMOVE_PAUSE_MS);
    }
  }
}

async function killAll(path: string): Promise<void> {
  const text = await fs.readFile(`${path}/cgroup.procs`, 'utf8').catch(() => '');
  for (const pid of text
    .split('\n')
    .map(Number)
    .filter((n) => n > 1)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}

function createV1(mountRoot: string): CgroupDriver {
  const at = (controller: string, name: string) => `${mountRoot}/${controller}${name}`;
  return {
    async apply(name, limits) {
      await Promise.all(V1_CONTROLLERS.map((c) => fs.mkdir(at(c, name), { recursive: true })));
      await writeV1(at, name, limits);
    },
    exists: (name) => exists(at('memory', name)),
    children: (name) => subdirectories(at('memory', name)),
    async remove(name) {
      // The runtime makes groups of the same name in every hierarchy, also in those not used here.
      const real = new Set<string>();
      for (const controller of await fs.readdir(mountRoot)) {
        real.add(await fs.realpath(`${mountRoot}/${controller}`).catch(() => ''));
      }
      real.delete('');
      for (const root of real) await removeTree(`${root}${name}`);
    },
  };
}

async function writeV1(at: (c: string, n: string) => string, name: string, limits: CgroupLimits): Promise<void> {
  const writes: Promise<void>[] = [];
  if (limits.cpuShares !== undefined) writes.push(put(`${at('cpu', name)}/cpu.shares`, limits.cpuShares));
  if (limits.cpuQuotaUs !== undefined) {
    await put(`${at('cpu', name)}/cpu.cfs_period_us`, CPU_PERIOD_US);
    writes.push(put(`${at('cpu', name)}/cpu.cfs_quota_us`, limits.cpuQuotaUs === 0 ? -1 : limits.cpuQuotaUs));
  }
  if (limits.memoryBytes !== undefined) {
    writes.push(put(`${at('memory', name)}/memory.limit_in_bytes`, limits.memoryBytes));
  }
  if (limits.pidsMax !== undefined && limits.pidsMax > 0) {
    writes.push(put(`${at('pids', name)}/pids.max`, limits.pidsMax));
  }
  await Promise.all(writes);
}

function createV2(mountRoot: string): CgroupDriver {
  return {
    async apply(name, limits) {
      await makeV2(mountRoot, name);
      const path = mountRoot + name;
      if (limits.cpuShares !== undefined) await put(`${path}/cpu.weight`, sharesToWeight(limits.cpuShares));
      if (limits.cpuQuotaUs !== undefined) {
        await put(`${path}/cpu.max`, `${limits.cpuQuotaUs === 0 ? 'max' : limits.cpuQuotaUs} ${CPU_PERIOD_US}`);
      }
      if (limits.memoryBytes !== undefined) await put(`${path}/memory.max`, limits.memoryBytes);
      if (limits.pidsMax !== undefined && limits.pidsMax > 0) await put(`${path}/pids.max`, limits.pidsMax);
    },
    exists: (name) => exists(mountRoot + name),
    children: (name) => subdirectories(mountRoot + name),
    async remove(name) {
      if (!(await exists(mountRoot + name))) return;
      await put(`${mountRoot}${name}/cgroup.kill`, 1);
      await removeTree(mountRoot + name);
    },
  };
}

/** Every group on the way must hand its controllers down. */
async function makeV2(mountRoot: string, name: string): Promise<void> {
  let path = mountRoot;
  for (const part of name.split('/').filter((p) => p !== '')) {
    const available = (await fs.readFile(`${path}/cgroup.controllers`, 'utf8')).trim().split(/\s+/);
    const wanted = ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb'].filter((c) => available.includes(c));
    for (const controller of wanted) await put(`${path}/cgroup.subtree_control`, `+${controller}`);
    path = `${path}/${part}`;
    await fs.mkdir(path).catch((error: { code?: string }) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Shares 2..262144 onto weight 1..10000. Source: KEP-2254. */
export const sharesToWeight = (shares: number): number => 1 + Math.floor(((shares - 2) * 9999) / 262_142);
