/** The Debian packages a node stands on, and why. A command that is already there, whoever brought it, is used. */

export interface HostPackage {
  readonly name: string;
  readonly why: string;
  /** Found on the path = satisfied. */
  readonly commands: readonly string[];
  /** Or: one of these files exists = satisfied. For packages without a command. */
  readonly files?: readonly string[];
}

export const HOST_PACKAGES: readonly HostPackage[] = [
  {
    name: 'containerd',
    why: 'runs the containers; Kapella starts a process of its own from it, with its own socket and directories',
    commands: ['containerd', 'containerd-shim-runc-v2', 'ctr'],
  },
  { name: 'runc', why: 'containerd creates each container through it', commands: ['runc'] },
  { name: 'nftables', why: 'Services and network policies are rules in the kernel, loaded by nft', commands: ['nft'] },
  {
    name: 'conntrack',
    why: 'ends connections to Service endpoints that are gone; the kernel would go on sending there',
    commands: ['conntrack'],
  },
  { name: 'iproute2', why: 'makes the network interfaces, addresses and routes of Pods', commands: ['ip'] },
  {
    name: 'containernetworking-plugins',
    why: 'connects each Pod to the network: a pair of interfaces, and an address',
    commands: [],
    files: ['/usr/lib/cni/ptp', '/opt/cni/bin/ptp', '/usr/libexec/cni/ptp'],
  },
  { name: 'procps', why: 'sets how the kernel passes on packets', commands: ['sysctl'] },
  {
    name: 'mount',
    why: 'mounts the volumes of Pods',
    commands: ['mount', 'umount'],
  },
  {
    name: 'ca-certificates',
    why: 'pulling an image checks the certificate of its registry',
    commands: [],
    files: ['/etc/ssl/certs/ca-certificates.crt'],
  },
];

export interface HostFacts {
  hasCommand(command: string): boolean;
  hasFile(path: string): boolean;
}

/** The packages of `wanted` that this host does not satisfy. */
export function missingPackages(wanted: readonly HostPackage[], facts: HostFacts): readonly HostPackage[] {
  return wanted.filter(({ commands, files }) => {
    if (!commands.every((command) => facts.hasCommand(command))) return true;
    return files !== undefined && !files.some((file) => facts.hasFile(file));
  });
}

/** The command that installs `packages`. Recommended packages are left out: docker, criu and the like. */
export function aptInstallCommand(packages: readonly string[]): readonly string[] {
  return ['apt-get', '-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', ...packages];
}
