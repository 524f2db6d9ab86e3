/** The options of a cluster, once: each is a flag, a field of the configuration file, and a documented default. */
import { AUTH_OPTION_SPECS, type AuthOptions, authOptionsOf } from './auth-options.ts';
import { CliError } from './cli-error.ts';
import { COMPONENT_OPTION_SPECS, type ComponentOptions, componentOptionsOf } from './component-options.ts';
import { checkNetworks, overlaps } from './networks.ts';
import { checkStoreOptions, STORE_OPTION_SPECS, type StoreOptions, storeOptionsOf } from './store-options.ts';

export interface ClusterOptions extends StoreOptions, AuthOptions, ComponentOptions {
  /** Cluster name: of its context, its cgroup, its nftables table. A DNS label of at most 20 characters. */
  readonly name: string;
  readonly dataDir: string;
  readonly apiPort: number;
  /** Address the API server listens on and is advertised under. */
  readonly bindAddress: string;
  /** An IPv4 network, or with a comma one of IPv6 after it; the Services' likewise: both or neither. */
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly podNetwork: PodNetworkMode;
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

/** `routes`: nodes are neighbours, or the network between them knows the Pods' networks. `vxlan`: a tunnel to each node. */
export type PodNetworkMode = 'routes' | 'vxlan';

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
    help: 'addresses of Pods (default: 10.42.0.0/16); with a comma also those of IPv6: 10.42.0.0/16,fd42::/56',
    check: (v) => checkNetworks(v, { min: 48, max: 64 }),
  },
  {
    field: 'serviceCidr',
    flag: '--service-cidr',
    value: 'CIDR',
    help: 'addresses of Services (default: 10.43.0.0/16); with a comma also those of IPv6: 10.43.0.0/16,fd43::/112',
    check: (v) => checkNetworks(v, { min: 108, max: 120 }),
  },
  {
    field: 'podNetwork',
    flag: '--pod-network',
    value: 'routes|vxlan',
    help: 'how Pods reach those of other nodes: by routes on one network, or through a tunnel (default: routes)',
    check: (v) => (v === 'routes' || v === 'vxlan' ? undefined : 'must be routes or vxlan'),
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
    podNetwork: given.podNetwork === 'vxlan' ? 'vxlan' : 'routes',
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
  if (options.podCidr.includes(',') !== options.serviceCidr.includes(',')) {
    const message = `--pod-cidr ${options.podCidr} and --service-cidr ${options.serviceCidr}: one of them has no IPv6`;
    throw new CliError('Usage', message, 'Give both an IPv6 network after a comma, or neither.');
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
