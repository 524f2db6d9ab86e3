/** Looks at the machine for `kapella doctor`. What must be tried is tried in a network namespace that ends at once. */
import { statfs, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { freemem, release } from 'node:os';
import { dirname } from 'node:path';
import { CAPABILITY, hasCapability } from '../capabilities.ts';
import type { Answer, HostProbe, KernelFeature, PortUse } from '../doctor.ts';
import { NODE_SYSCTLS, sysctlPath } from '../kernel.ts';
import { cgroupMounts, cgroupSetup, parseMountinfo } from '../mounts.ts';
import { HOST_PACKAGES, missingPackages } from '../packages.ts';
import { parseContainerdVersion } from './containerd.ts';
import { hasFilesystem } from './facts.ts';
import { readText } from './files.ts';
import { hasFile } from './packages-step.ts';
import { findCommand, tryRun } from './run.ts';

export interface ProbeOptions {
  readonly dataDir: string;
  /** Ports of this cluster that are not already held by its own processes. */
  readonly ports: readonly { readonly port: number; readonly use: string; readonly host?: string }[];
  readonly notBeforeMs: number;
}

export async function probeHost(options: ProbeOptions): Promise<HostProbe> {
  const isRoot = process.getuid?.() === 0;
  const status = (await readText('/proc/self/status')) ?? '';
  const facts = { hasCommand: (name: string) => findCommand(name) !== undefined, hasFile };
  const [features, ports, sysctls, disk, memory, cgroups, containerd, clockSynchronized] = await Promise.all([
    probeFeatures(isRoot),
    Promise.all(options.ports.map(probePort)),
    probeSysctls(),
    probeDisk(options.dataDir),
    probeMemory(),
    probeCgroups(),
    tryRun('containerd', ['--version']),
    probeClock(),
  ]);
  const capability = (bit: number) => hasCapability(status, bit);
  const entries = Object.entries(CAPABILITY).map(([name, bit]) => [name, capability(bit)]);
  return {
    isRoot,
    capabilities: Object.fromEntries(entries) as HostProbe['capabilities'],
    systemdIsInit: (await readText('/proc/1/comm'))?.trim() === 'systemd',
    cgroups,
    features,
    kernelRelease: release(),
    missingPackages: missingPackages(HOST_PACKAGES, facts),
    containerd: parseContainerdVersion(containerd.stdout),
    ports,
    sysctls,
    disk,
    memory,
    nowMs: Date.now(),
    notBeforeMs: options.notBeforeMs,
    clockSynchronized,
  };
}

/** A rule set with everything that Services use, in a namespace of its own. */
const NAT_RULES = `table inet probe {
  map backends { type inet_service : ipv4_addr; }
  chain nat { type nat hook prerouting priority dstnat; numgen random mod 2 0 dnat ip to 127.0.0.1; }
  chain masq { type nat hook postrouting priority srcnat; masquerade; }
}`;
const CONNTRACK_RULES = `table inet probe {
  chain c { type filter hook forward priority 0; ct state established accept; }
}`;

async function probeFeatures(isRoot: boolean): Promise<HostProbe['features']> {
  const inNamespace = async (command: string, args: readonly string[], input = ''): Promise<Answer> => {
    if (!isRoot || findCommand(command) === undefined || findCommand('unshare') === undefined) return 'unknown';
    return (await tryRun('unshare', ['--net', command, ...args], { input })).code === 0 ? 'yes' : 'no';
  };
  const link = (...args: string[]) => inNamespace('ip', ['link', 'add', 'probe0', 'type', ...args]);
  const [overlayfs, veth, bridge, vxlan, nftables, nat, conntrack] = await Promise.all([
    hasFilesystem('overlay').then((has): Answer => (has ? 'yes' : 'no')),
    link('veth', 'peer', 'name', 'probe1'),
    link('bridge'),
    link('vxlan', 'id', '1', 'dstport', '8472'),
    inNamespace('nft', ['add', 'table', 'inet', 'probe']),
    inNamespace('nft', ['-f', '-'], NAT_RULES),
    inNamespace('nft', ['-f', '-'], CONNTRACK_RULES),
  ]);
  const brNetfilter: Answer = hasFile('/proc/sys/net/bridge/bridge-nf-call-iptables') ? 'yes' : 'no';
  const features: Record<KernelFeature, Answer> = {
    overlayfs,
    veth,
    bridge,
    vxlan,
    nftables,
    nat,
    conntrack,
    br_netfilter: brNetfilter,
  };
  return features;
}

async function probePort({ port, use, host }: ProbeOptions['ports'][number]): Promise<PortUse> {
  const free = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: host ?? '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
  const holder = free ? undefined : await portHolder(port);
  return { port, use, free, ...(holder === undefined ? {} : { holder }) };
}

async function portHolder(port: number): Promise<string | undefined> {
  const { stdout } = await tryRun('ss', ['-Hltnp', `sport = :${port}`]);
  const match = /users:\(\("([^"]+)",pid=(\d+)/.exec(stdout);
  return match === null ? undefined : `${match[1]} (process ${match[2]})`;
}

async function probeSysctls(): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  for (const { name } of NODE_SYSCTLS) {
    const text = await readText(sysctlPath(name));
    if (text !== undefined) values.set(name, text);
  }
  return values;
}

/** Of the nearest directory above that exists. */
async function probeDisk(dataDir: string): Promise<HostProbe['disk']> {
  let path = dataDir;
  while (path !== '/' && (await stat(path).catch(() => undefined)) === undefined) path = dirname(path);
  const { bavail, blocks, bsize, ffree } = await statfs(path);
  return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: ffree };
}

async function probeMemory(): Promise<HostProbe['memory']> {
  const text = (await readText('/proc/meminfo')) ?? '';
  const bytes = (name: string) => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text);
    return match === null ? undefined : Number(match[1]) * 1024;
  };
  return { availableBytes: bytes('MemAvailable') ?? freemem(), swapTotalBytes: bytes('SwapTotal') ?? 0 };
}

async function probeCgroups(): Promise<HostProbe['cgroups']> {
  const mountinfo = (await readText('/proc/self/mountinfo')) ?? '';
  const v2 = parseMountinfo(mountinfo).find(({ fsType }) => fsType === 'cgroup2')?.target ?? cgroupMounts(mountinfo)[0];
  return cgroupSetup(mountinfo, v2 === undefined ? '' : ((await readText(`${v2}/cgroup.controllers`)) ?? ''));
}

async function probeClock(): Promise<boolean | undefined> {
  if (findCommand('timedatectl') === undefined) return undefined;
  const { code, stdout } = await tryRun('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  return code === 0 && stdout.trim() !== '' ? stdout.trim() === 'yes' : undefined;
}
