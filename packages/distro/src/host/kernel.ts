/** Kernel modules and sysctls of a node. */

/** Loaded where the kernel has them as modules; a kernel that has them built in lists them in modules.builtin. */
export const KERNEL_MODULES: readonly string[] = [
  'overlay',
  'veth',
  'nf_tables',
  'nf_conntrack',
  'nft_masq',
  'nft_nat',
];

export interface Sysctl {
  /** `net.ipv4.ip_forward` */
  readonly name: string;
  readonly value: string;
  /** `atLeast`: a larger number satisfies too. */
  readonly rule: 'equal' | 'atLeast';
}

export const NODE_SYSCTLS: readonly Sysctl[] = [
  { name: 'net.ipv4.ip_forward', value: '1', rule: 'equal' },
  // As upstream's node agent sets it: databases fork to save, and each Pod has a limit of its own.
  { name: 'vm.overcommit_memory', value: '1', rule: 'equal' },
  // Each container's log, each mounted ConfigMap and containerd itself hold one; Debian's 128 is used up by a few Pods.
  { name: 'fs.inotify.max_user_instances', value: '8192', rule: 'atLeast' },
  { name: 'fs.inotify.max_user_watches', value: '524288', rule: 'atLeast' },
];

export const sysctlPath = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`;

/** `current` undefined: the kernel does not have it (no IPv6), so there is nothing to set. */
export function isSatisfied({ value, rule }: Sysctl, current: string | undefined): boolean {
  if (current === undefined) return true;
  const now = current.trim();
  return rule === 'equal' ? now === value : Number(now) >= Number(value);
}
