/** `kapella doctor`: looks at what was probed of a machine and says what is wrong, and the command that fixes it. */
import type { CAPABILITY } from './capabilities.ts';
import { isSatisfied, NODE_SYSCTLS } from './kernel.ts';
import type { CgroupSetup } from './mounts.ts';
import type { HostPackage } from './packages.ts';

/** `unknown`: could not be probed, mostly for want of root. */
export type Answer = 'yes' | 'no' | 'unknown';

export type KernelFeature =
  | 'overlayfs'
  | 'veth'
  | 'bridge'
  | 'vxlan'
  | 'nftables'
  | 'nat'
  | 'conntrack'
  | 'br_netfilter';

export interface PortUse {
  readonly port: number;
  /** What the port is for, `API server`. */
  readonly use: string;
  readonly free: boolean;
  /** The program that holds it, where that could be seen. */
  readonly holder?: string;
}

/** Everything the checks look at. Pure data, so that each failure can be tested without the machine that has it. */
export interface HostProbe {
  readonly isRoot: boolean;
  readonly capabilities: Readonly<Record<keyof typeof CAPABILITY, boolean>>;
  readonly systemdIsInit: boolean;
  readonly cgroups: CgroupSetup;
  readonly features: Readonly<Record<KernelFeature, Answer>>;
  readonly kernelRelease: string;
  readonly missingPackages: readonly HostPackage[];
  readonly containerd: { readonly text: string } | undefined;
  readonly ports: readonly PortUse[];
  /** Name -> text; a sysctl that the kernel lacks is absent. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly disk: {
    readonly path: string;
    readonly freeBytes: number;
    readonly totalBytes: number;
    readonly freeInodes: number;
  };
  readonly memory: { readonly availableBytes: number; readonly swapTotalBytes: number };
  /** Wall clock, ms since the epoch. */
  readonly nowMs: number;
  /** The newest thing known to lie in the past: the build of this program, the CA of the cluster. */
  readonly notBeforeMs: number;
  /** undefined: nobody keeps the clock, or nobody says. */
  readonly clockSynchronized: boolean | undefined;
}

export interface DoctorResult {
  /** Constant: `cgroups`, `kernel-nftables`, `port-6443`. */
  readonly name: string;
  /** `fail`: a cluster does not start. `warn`: it starts, something will be missing or slow. */
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** The command that fixes it; absent when ok. */
  readonly fix?: string;
}

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** All checks, in the order in which to show them. */
export function checkHost(probe: HostProbe): readonly DoctorResult[] {
  return [
    root(probe),
    ...capabilities(probe),
    packages(probe),
    cgroups(probe),
    ...kernelFeatures(probe),
    ...probe.ports.map(portResult),
    ...sysctls(probe),
    disk(probe),
    memory(probe),
    clock(probe),
  ];
}

const ok = (name: string, detail: string): DoctorResult => ({ name, status: 'ok', detail });
const warn = (name: string, detail: string, fix: string): DoctorResult => ({ name, status: 'warn', detail, fix });
const fail = (name: string, detail: string, fix: string): DoctorResult => ({ name, status: 'fail', detail, fix });

function root({ isRoot }: HostProbe): DoctorResult {
  return isRoot
    ? ok('root', 'runs as root')
    : fail('root', 'a node needs root: it mounts, makes interfaces and cgroups', 'sudo kapella up');
}

function capabilities(probe: HostProbe): readonly DoctorResult[] {
  if (!probe.isRoot) return []; // one cause, one line
  const privileged = 'Start the container or machine that you are in with all capabilities: docker run --privileged';
  const needed = (['SYS_ADMIN', 'NET_ADMIN', 'MKNOD', 'SYS_PTRACE'] as const).filter(
    (name) => !probe.capabilities[name],
  );
  const names = needed.map((name) => `CAP_${name}`).join(', ');
  return [
    needed.length === 0
      ? ok('capabilities', 'all that are needed')
      : fail('capabilities', `root lacks ${names}`, privileged),
    probe.capabilities.SYS_RESOURCE
      ? ok('capability-sys-resource', 'present')
      : warn(
          'capability-sys-resource',
          'without CAP_SYS_RESOURCE the kernel may kill node processes before Pods when memory runs out',
          privileged,
        ),
  ];
}

function packages({ missingPackages, containerd }: HostProbe): DoctorResult {
  const names = missingPackages.map(({ name }) => name);
  if (names.length === 0)
    return ok('packages', containerd === undefined ? 'all there' : `all there; containerd ${containerd.text}`);
  return fail(
    'packages',
    `missing: ${names.join(', ')} (kapella up installs them)`,
    `apt-get install --no-install-recommends ${names.join(' ')}`,
  );
}

function cgroups({ cgroups: { version, controllers } }: HostProbe): DoctorResult {
  if (version === undefined) {
    return fail('cgroups', 'no cgroup hierarchy is mounted', 'mount -t cgroup2 none /sys/fs/cgroup');
  }
  const needed =
    version === 1 ? ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer'] : ['cpu', 'cpuset', 'memory'];
  const missing = needed.filter((name) => !controllers.includes(name));
  if (missing.length > 0) {
    const fix = `Boot with cgroup_enable=${missing.join(',')} on the kernel command line (/etc/default/grub, then update-grub)`;
    return fail('cgroups', `v${version}, without the controllers ${missing.join(', ')}`, fix);
  }
  if (controllers.includes('pids')) return ok('cgroups', `v${version}: ${controllers.join(', ')}`);
  return warn(
    'cgroups',
    `v${version}, without pids: the number of processes in a Pod is not limited`,
    'Boot with cgroup_enable=pids',
  );
}

const FEATURES: readonly (readonly [KernelFeature, 'fail' | 'warn', why: string, module: string])[] = [
  ['overlayfs', 'warn', 'image layers are copied instead of stacked: slow, and much disk', 'overlay'],
  ['veth', 'fail', 'Pods cannot be connected', 'veth'],
  ['nftables', 'fail', 'Services and network policies cannot be loaded', 'nf_tables'],
  ['nat', 'fail', 'Service addresses cannot be translated', 'nft_nat'],
  ['conntrack', 'fail', 'Service connections cannot be tracked', 'nf_conntrack'],
  ['bridge', 'warn', "CNI plugins that use a bridge do not work (Kapella's own uses none)", 'bridge'],
  [
    'br_netfilter',
    'warn',
    "policies do not see packets that cross a bridge (Kapella's own plugin uses none)",
    'br_netfilter',
  ],
  ['vxlan', 'warn', 'nodes in different networks cannot be connected by VXLAN', 'vxlan'],
];

function kernelFeatures({ features, kernelRelease }: HostProbe): readonly DoctorResult[] {
  return FEATURES.map(([feature, severity, why, module]) => {
    const name = `kernel-${feature}`;
    const fix = `modprobe ${module}`;
    if (features[feature] === 'yes') return ok(name, `kernel ${kernelRelease}`);
    if (features[feature] === 'unknown') return warn(name, 'could not be tried without root', 'sudo kapella doctor');
    return severity === 'fail'
      ? fail(name, `kernel ${kernelRelease}: ${why}`, fix)
      : warn(name, `kernel ${kernelRelease}: ${why}`, fix);
  });
}

function portResult({ port, use, free, holder }: PortUse): DoctorResult {
  const name = `port-${port}`;
  if (free) return ok(name, `free for the ${use}`);
  const by = holder === undefined ? '' : ` by ${holder}`;
  const flag = use === 'API server' ? '; or choose another: --api-port' : '';
  return fail(name, `needed for the ${use}, in use${by}`, `ss -ltnp 'sport = :${port}'${flag}`);
}

/** Those that `up` sets itself are warnings. */
function sysctls({ sysctls: values }: HostProbe): readonly DoctorResult[] {
  return NODE_SYSCTLS.map((sysctl) => {
    const now = values.get(sysctl.name);
    const name = `sysctl-${sysctl.name}`;
    if (isSatisfied(sysctl, now)) return ok(name, now?.trim() ?? 'the kernel does not have it');
    return warn(
      name,
      `is ${now?.trim()}, should be ${sysctl.value} (kapella up sets it)`,
      `sysctl -w ${sysctl.name}=${sysctl.value}`,
    );
  });
}

function disk({ disk: { path, freeBytes, totalBytes, freeInodes } }: HostProbe): DoctorResult {
  const gib = (freeBytes / GIB).toFixed(1);
  const fix = `Free some space on the filesystem of ${path}, or choose another: --data-dir`;
  if (freeBytes < GIB) return fail('disk', `${gib} GiB free at ${path}; at least 1 GiB is needed`, fix);
  // Filesystems that make inodes as they go (btrfs) say 0.
  if (freeInodes > 0 && freeInodes < 10_000) return fail('disk', `${freeInodes} inodes free at ${path}`, fix);
  // The node agent removes images above 85 % and Pods above 90 %.
  if (freeBytes < totalBytes * 0.15) {
    return warn(
      'disk',
      `${gib} GiB free at ${path}, less than 15 %: unused images will be removed, then Pods evicted`,
      fix,
    );
  }
  return ok('disk', `${gib} GiB free at ${path}`);
}

function memory({ memory: { availableBytes, swapTotalBytes } }: HostProbe): DoctorResult {
  const mib = Math.round(availableBytes / MIB);
  if (availableBytes < 512 * MIB)
    return warn(
      'memory',
      `${mib} MiB available; a node with few Pods takes 512`,
      'End programs that use much: ps aux --sort -rss',
    );
  if (swapTotalBytes > 0)
    return warn('memory', `${mib} MiB available; with swap on, memory limits hold less strictly`, 'swapoff -a');
  return ok('memory', `${mib} MiB available`);
}

function clock({ nowMs, notBeforeMs, clockSynchronized }: HostProbe): DoctorResult {
  const now = new Date(nowMs).toISOString();
  const fix = 'timedatectl set-ntp true (or: apt-get install chrony)';
  if (nowMs < notBeforeMs) {
    return fail(
      'clock',
      `it is ${now}, before ${new Date(notBeforeMs).toISOString()}: certificates would not be valid yet`,
      fix,
    );
  }
  if (clockSynchronized === false)
    return warn('clock', `${now}, not kept in time: leases and tokens of other nodes may seem expired`, fix);
  return ok('clock', now);
}
