/** What the machine has and how it fares, read from /proc, /sys and /etc. */
import { arch, cpus, release, totalmem } from 'node:os';
import * as fs from 'node:fs/promises';
import type { MachineFacts, MachineLoad } from '../registration/node-object.ts';

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

async function hugepageSizes(): Promise<readonly string[]> {
  const names = await fs.readdir('/sys/kernel/mm/hugepages').catch(() => []);
  return names.map((name) => {
    const kib = Number(/(\d+)kB/.exec(name)?.[1] ?? 0);
    return kib >= 1024 * 1024 ? `${kib / 1024 / 1024}Gi` : `${kib / 1024}Mi`;
  });
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
    hugepageSizes: await hugepageSizes(),
    hasMemoryCgroup: true,
  };
}

export async function readMachineLoad(dir: string, imageDir: string): Promise<MachineLoad> {
  const [disk, imageDisk, meminfo, loadavg, pidMax] = await Promise.all([
    fs.statfs(dir),
    fs.statfs(imageDir),
    text('/proc/meminfo'),
    text('/proc/loadavg'),
    text('/proc/sys/kernel/pid_max'),
  ]);
  const available = Number(/^MemAvailable:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0) * 1024;
  const threads = Number(loadavg.split(' ')[3]?.split('/')[1] ?? 0);
  return {
    memoryAvailableBytes: available,
    diskFreeBytes: disk.bavail * disk.bsize,
    imageDiskFreeFraction: imageDisk.blocks === 0 ? 1 : imageDisk.bavail / imageDisk.blocks,
    pidsUsedFraction: threads / (Number(pidMax) || 32_768),
  };
}

/** Whether a process of ours may be protected from the OOM killer. */
export async function canLowerOomScore(): Promise<boolean> {
  const status = await text('/proc/self/status');
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return ((mask >> CAP_SYS_RESOURCE) & 1n) === 1n;
}
