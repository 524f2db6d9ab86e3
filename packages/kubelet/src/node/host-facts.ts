/** What the machine has and how it fares, read from /proc, /sys and /etc. */
import { arch, cpus, release, totalmem } from 'node:os';
import * as fs from 'node:fs/promises';
import type { SwapHost } from '../container/swap.ts';
import type { MachineFacts } from '../registration/node-object.ts';

const CAP_SYS_RESOURCE = 24n;

const text = (path: string) =>
  fs.readFile(path, 'utf8').then(
    (content) => content.trim(),
    () => '',
  );

const goArch = (name: string) => ({ x64: 'amd64', ia32: '386' })[name] ?? name;

async function osImage(): Promise<string> {
  const release = await text('/etc/os-release');
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? 'Linux';
}

async function hugepages(): Promise<MachineFacts['hugepages']> {
  const dir = '/sys/kernel/mm/hugepages';
  const names = await fs.readdir(dir).catch(() => []);
  return await Promise.all(
    names.map(async (name) => {
      const kib = Number(/(\d+)kB/.exec(name)?.[1] ?? 0);
      const count = Number(await text(`${dir}/${name}/nr_hugepages`));
      const size = kib >= 1024 * 1024 ? `${kib / 1024 / 1024}Gi` : `${kib / 1024}Mi`;
      return { size, bytes: count * kib * 1024 };
    }),
  );
}

async function swapBytes(): Promise<number> {
  return Number(/^SwapTotal:\s*(\d+) kB/m.exec(await text('/proc/meminfo'))?.[1] ?? 0) * 1024;
}

/** How the kernel counts swap by control groups. */
export async function readSwapCgroups(): Promise<SwapHost['cgroups']> {
  const root = '/sys/fs/cgroup';
  const has = (path: string) =>
    fs.access(path).then(
      () => true,
      () => false,
    );
  if (await has(`${root}/cgroup.controllers`)) {
    // The root group has no such file: one of its children tells.
    const own = /^0::(.*)$/m.exec(await text('/proc/self/cgroup'))?.[1] ?? '';
    return (await has(`${root}${own}/memory.swap.max`)) ? 'v2' : 'none';
  }
  return (await has(`${root}/memory/memory.memsw.limit_in_bytes`)) ? 'v1' : 'none';
}

/** `dir`: on the file system whose size counts. */
export async function readMachineFacts(dir: string): Promise<MachineFacts> {
  const disk = await fs.statfs(dir);
  return {
    cpuCount: cpus().length,
    memoryBytes: totalmem(),
    machineId: await text('/etc/machine-id'),
    systemUuid: (await text('/sys/class/dmi/id/product_uuid')) || (await text('/etc/machine-id')),
    bootId: await text('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: await osImage(),
    operatingSystem: process.platform,
    architecture: goArch(arch()),
    diskBytes: disk.blocks * disk.bsize,
    hugepages: await hugepages(),
    hasMemoryCgroup: true,
    swapBytes: await swapBytes(),
  };
}

/** Whether a process of ours may be protected from the OOM killer. */
export async function canLowerOomScore(): Promise<boolean> {
  const status = await text('/proc/self/status');
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return ((mask >> CAP_SYS_RESOURCE) & 1n) === 1n;
}
