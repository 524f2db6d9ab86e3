/** The options of a cluster, once: each is a flag, a field of the configuration file, and a documented default. */
import { AUTH_OPTION_SPECS, type AuthOptions, authOptionsOf } from './auth-options.ts';
import { CliError } from './cli-error.ts';
import { COMPONENT_OPTION_SPECS, type ComponentOptions, componentOptionsOf } from './component-options.ts';
import { checkStoreOptions, STORE_OPTION_SPECS, type StoreOptions, storeOptionsOf } from './store-options.ts';

export interface ClusterOptions extends StoreOptions, AuthOptions, ComponentOptions {
  /** Cluster name: of its context, its cgroup, its nftables table. A DNS label of at most 20 characters. */
  readonly name: string;
  readonly dataDir: string;
  readonly apiPort: number;
  /** Address the API server listens on and is advertised under. */
  readonly bindAddress: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly clusterDomain: string;
  readonly nodeName: string;
  /** How many nodes this machine is; those after the first live in network namespaces. */
  readonly nodes: number;
  /** The file that names the DNS servers which cluster DNS asks for all other names. */
  readonly resolvConf: string;
  /** A KubeSchedulerConfiguration; '' means upstream's defaults. */
  readonly schedulerConfig: string;
  /** A KubeletConfiguration for the node agents of this machine; '' means upstream's defaults. */
  readonly kubeletConfig: string;
}

export interface OptionSpec {
  readonly field: keyof ClusterOptions;
  readonly flag: string;
  readonly value: string;
  readonly help: string;
  /** Why `value` is not acceptable; undefined when it is. */
  check(value: string): string | undefined;
}

export const RESOLV_CONF = '/etc/resolv.conf';

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

export const OPTION_SPECS: readonly OptionSpec[] = [
  {
    field: 'name',
    flag: '--name',
    value: 'NAME',
    help: 'name of the cluster (default: kapella)',
    check: (v) =>
      DNS_LABEL.test(v) && v.length <= 20 ? undefined : 'must be lower-case letters, digits and dashes, at most 20',
  },
  {
    field: 'dataDir',
    flag: '--data-dir',
    value: 'DIR',
    help: 'where everything of the cluster is kept (default: /var/lib/kapella/NAME)',
    check: (v) => (v === '' ? 'must not be empty' : undefined),
  },
  {
    field: 'apiPort',
    flag: '--api-port',
    value: 'PORT',
    help: 'port of the API server (default: 6443)',
    check: checkPort,
  },
  {
    field: 'bindAddress',
    flag: '--bind-address',
    value: 'IP',
    help: 'address the API server listens on (default: 0.0.0.0 with a node, 127.0.0.1 for `server` alone)',
    check: (v) => (/^[\d.]+$/.test(v) ? undefined : 'must be an IPv4 address'),
  },
  {
    field: 'podCidr',
    flag: '--pod-cidr',
    value: 'CIDR',
    help: 'addresses of Pods (default: 10.42.0.0/16)',
    check: checkCidr,
  },
  {
    field: 'serviceCidr',
    flag: '--service-cidr',
    value: 'CIDR',
    help: 'addresses of Services (default: 10.43.0.0/16)',
    check: checkCidr,
  },
  {
    field: 'clusterDomain',
    flag: '--cluster-domain',
    value: 'DOMAIN',
    help: 'DNS domain of the cluster (default: cluster.local)',
    check: (v) =>
      v.split('.').every((label) => DNS_LABEL.test(label)) ? undefined : 'must be a DNS domain in lower case',
  },
  {
    field: 'nodeName',
    flag: '--node-name',
    value: 'NAME',
    help: 'name of this node (default: the host name)',
    check: (v) =>
      v.split('.').every((label) => DNS_LABEL.test(label)) ? undefined : 'must be a DNS name in lower case',
  },
  {
    field: 'nodes',
    flag: '--nodes',
    value: 'N',
    help: 'nodes on this machine, from 1 to 16; each after the first in a network of its own (default: 1)',
    check: (v) => (/^([1-9]|1[0-6])$/.test(v) ? undefined : 'must be a number from 1 to 16'),
  },
  {
    field: 'resolvConf',
    flag: '--resolv-conf',
    value: 'FILE',
    help: 'names the DNS servers for all names outside the cluster (default: /etc/resolv.conf)',
    check: (v) => (v.startsWith('/') ? undefined : 'must be an absolute path'),
  },
  {
    field: 'schedulerConfig',
    flag: '--scheduler-config',
    value: 'FILE',
    help: "a KubeSchedulerConfiguration: the scheduler's profiles, plugins, extenders (default: upstream's)",
    check: () => undefined,
  },
  {
    field: 'kubeletConfig',
    flag: '--kubelet-config',
    value: 'FILE',
    help: "a KubeletConfiguration: eviction, reserved resources, CPU manager and more (default: upstream's)",
    check: () => undefined,
  },
  ...COMPONENT_OPTION_SPECS,
  ...STORE_OPTION_SPECS,
  ...AUTH_OPTION_SPECS,
];

function checkPort(value: string): string | undefined {
  const port = Number(value);
  return /^\d+$/.test(value) && port >= 1 && port <= 65_535 ? undefined : 'must be a port number from 1 to 65535';
}

function checkCidr(value: string): string | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(value);
  const isValid =
    match?.slice(1, 5).every((byte) => Number(byte) <= 255) === true && Number(match[5]) <= 28 && Number(match[5]) >= 8;
  return isValid ? undefined : 'must be an IPv4 network such as 10.42.0.0/16, from /8 to /28';
}

/** Raw text of each option that was given, from flags or file. */
export type GivenOptions = Partial<Record<keyof ClusterOptions, string>>;

const fileOptionsOf = (given: GivenOptions) => ({
  resolvConf: given.resolvConf ?? RESOLV_CONF,
  schedulerConfig: given.schedulerConfig ?? '',
  kubeletConfig: given.kubeletConfig ?? '',
});

/** Fills defaults and checks. `hostName` and `home` come from the machine. Throws CliError Usage with the flag's name. */
export function resolveOptions(
  given: GivenOptions,
  host: { readonly hostName: string; readonly withNode: boolean },
): ClusterOptions {
  checkGiven(given);
  const name = given.name ?? 'kapella';
  const options: ClusterOptions = {
    name,
    dataDir: given.dataDir ?? `/var/lib/kapella/${name}`,
    apiPort: Number(given.apiPort ?? 6443),
    bindAddress: given.bindAddress ?? (host.withNode ? '0.0.0.0' : '127.0.0.1'),
    podCidr: given.podCidr ?? '10.42.0.0/16',
    serviceCidr: given.serviceCidr ?? '10.43.0.0/16',
    clusterDomain: given.clusterDomain ?? 'cluster.local',
    ...componentOptionsOf(given),
    ...storeOptionsOf(given),
    ...authOptionsOf(given),
    nodeName: given.nodeName ?? host.hostName.toLowerCase(),
    nodes: Number(given.nodes ?? 1),
    ...fileOptionsOf(given),
  };
  if (options.nodes > 1 && options.bindAddress.startsWith('127.')) {
    const message = `--nodes ${options.nodes}: the other nodes do not reach an API server on ${options.bindAddress}`;
    throw new CliError('Usage', message, 'Leave --bind-address out, or give an address of this machine.');
  }
  if (overlaps(options.podCidr, options.serviceCidr)) {
    const message = `--pod-cidr ${options.podCidr} and --service-cidr ${options.serviceCidr} overlap`;
    throw new CliError('Usage', message, 'Give two networks that share no address.');
  }
  checkStoreOptions(options);
  return options;
}

function checkGiven(given: GivenOptions): void {
  for (const spec of OPTION_SPECS) {
    const value = given[spec.field];
    const problem = value === undefined ? undefined : spec.check(value);
    if (problem === undefined) continue;
    throw new CliError(
      'Usage',
      `${spec.flag} ${JSON.stringify(value)}: ${problem}`,
      `Give ${spec.flag} ${spec.value}.`,
    );
  }
}

export interface Ipv4Network {
  /** First address as a number. */
  readonly base: number;
  readonly prefix: number;
}

export function parseNetwork(cidr: string): Ipv4Network {
  const [address = '', prefixText = '32'] = cidr.split('/');
  const prefix = Number(prefixText);
  const number = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - prefix);
  return { base: Math.floor(number / size) * size, prefix };
}

/** The `index`th address of a network as text. */
export function addressAt(cidr: string, index: number): string {
  const value = parseNetwork(cidr).base + index;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Whether two networks share an address. */
export function overlaps(a: string, b: string): boolean {
  const [left, right] = [parseNetwork(a), parseNetwork(b)];
  const size = 2 ** (32 - Math.min(left.prefix, right.prefix));
  return Math.floor(left.base / size) === Math.floor(right.base / size);
}
