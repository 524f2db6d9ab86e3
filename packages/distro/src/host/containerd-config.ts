/** Containerd's configuration: file version 2 for 1.6 and 1.7, 3 for 2.x. Source: containerd docs/cri/config.md. */
import type { RuntimePaths } from './paths.ts';

/** The name under which the sandbox image is asked for; Kapella imports an image of its own under it. */
export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10.1';

export interface ContainerdConfigOptions {
  readonly paths: RuntimePaths;
  /** Major version of the containerd that will read it. */
  readonly major: 1 | 2;
  /** Without CAP_SYS_RESOURCE no process may lower an oom_score_adj: runc would fail at every sandbox. */
  readonly canLowerOomScore: boolean;
  /** The kernel has AppArmor and its parser is installed. */
  readonly hasAppArmor: boolean;
  readonly cgroupDriver: 'cgroupfs' | 'systemd';
  readonly snapshotter: 'overlayfs' | 'native';
}

type TomlValue = string | number | boolean | readonly string[];
type TomlTable = Readonly<Record<string, TomlValue>>;

export function containerdConfig(options: ContainerdConfigOptions): string {
  return options.major === 1 ? configV2(options) : configV3(options);
}

function configV2(options: ContainerdConfigOptions): string {
  const { paths } = options;
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return [
    top(2, options),
    ...common(options),
    table(cri, {
      sandbox_image: PAUSE_IMAGE,
      ...criFlags(options),
      stream_server_address: '127.0.0.1',
      stream_server_port: '0',
      tolerate_missing_hugetlb_controller: true,
    }),
    table(`${cri}.cni`, { bin_dir: paths.cniBinDir, conf_dir: paths.cniConfDir }),
    table(`${cri}.containerd`, { default_runtime_name: 'runc', snapshotter: options.snapshotter }),
    ...runcTables(`${cri}.containerd.runtimes.runc`, options),
    table(`${cri}.registry`, { config_path: paths.certsDir }),
  ].join('\n');
}

function configV3(options: ContainerdConfigOptions): string {
  const { paths } = options;
  const images = 'plugins."io.containerd.cri.v1.images"';
  const runtime = 'plugins."io.containerd.cri.v1.runtime"';
  return [
    top(3, options),
    ...common(options),
    table(images, { snapshotter: options.snapshotter }),
    table(`${images}.pinned_images`, { sandbox: PAUSE_IMAGE }),
    table(`${images}.registry`, { config_path: paths.certsDir }),
    table(runtime, criFlags(options)),
    table(`${runtime}.cni`, { bin_dirs: [paths.cniBinDir], conf_dir: paths.cniConfDir }),
    table(`${runtime}.containerd`, { default_runtime_name: 'runc' }),
    ...runcTables(`${runtime}.containerd.runtimes.runc`, options),
    table('plugins."io.containerd.grpc.v1.cri"', { stream_server_address: '127.0.0.1', stream_server_port: '0' }),
  ].join('\n');
}

/** Names that both file versions share. */
function criFlags(options: ContainerdConfigOptions): TomlTable {
  return {
    disable_apparmor: !options.hasAppArmor,
    restrict_oom_score_adj: !options.canLowerOomScore,
    // A Pod that runs as a user may then listen on port 80 and send a ping, as containerd 2 allows by default.
    enable_unprivileged_icmp: true,
    enable_unprivileged_ports: true,
    // Network namespaces are mounts; under our own directory `reset` finds all of them.
    netns_mounts_under_state_dir: true,
  };
}

function runcTables(name: string, options: ContainerdConfigOptions): readonly string[] {
  return [
    table(name, { runtime_type: 'io.containerd.runc.v2' }),
    table(`${name}.options`, { Root: options.paths.runcDir, SystemdCgroup: options.cgroupDriver === 'systemd' }),
  ];
}

function top(version: number, { paths, canLowerOomScore, major }: ContainerdConfigOptions): string {
  const unused = ['btrfs', 'zfs', 'devmapper', 'aufs', 'blockfile'].map((n) => `io.containerd.snapshotter.v1.${n}`);
  const disabled =
    major === 1 ? [...unused, 'io.containerd.tracing.processor.v1.otlp'] : [...unused, 'io.containerd.nri.v1.nri'];
  return `# Written by kapella at each start; changes are lost.\n${lines({
    version,
    root: paths.rootDir,
    state: paths.stateDir,
    // The last process of a node to be killed when memory runs out.
    oom_score: canLowerOomScore ? -999 : 0,
    disabled_plugins: disabled,
  })}`;
}

function common({ paths }: ContainerdConfigOptions): readonly string[] {
  return [
    table('grpc', { address: paths.socket }),
    table('ttrpc', { address: paths.ttrpcSocket }),
    table('plugins."io.containerd.internal.v1.opt"', { path: paths.optDir }),
  ];
}

const table = (name: string, values: TomlTable) => `\n[${name}]\n${lines(values)}`;

const lines = (values: TomlTable) =>
  Object.entries(values)
    .map(([key, value]) => `${key} = ${tomlValue(value)}\n`)
    .join('');

function tomlValue(value: TomlValue): string {
  if (typeof value === 'string') return tomlString(value);
  if (typeof value === 'object') return `[${value.map(tomlString).join(', ')}]`;
  return String(value);
}

/** A TOML basic string; JSON's escapes are a subset of TOML's except DEL, which must be escaped. */
export const tomlString = (text: string): string => JSON.stringify(text).replaceAll('\u007f', '\\u007f');

/** One registry as the user describes it; `host` as images name it, `_default` for all others. */
export interface RegistryMirror {
  readonly host: string;
  /** Tried in order before the registry itself: `http://10.0.0.5:5000`. */
  readonly endpoints: readonly string[];
  /** PEM file of the certificate authority that signed the endpoints' certificates. */
  readonly caFile?: string;
  readonly skipVerify?: boolean;
}

/** `certs.d/<host>/hosts.toml`. Source: containerd docs/hosts.md. */
export function hostsToml(mirror: RegistryMirror): string {
  return mirror.endpoints
    .map((endpoint) => {
      const rows: Record<string, TomlValue> = { capabilities: ['pull', 'resolve'] };
      if (mirror.caFile !== undefined) rows['ca'] = mirror.caFile;
      if (mirror.skipVerify === true) rows['skip_verify'] = true;
      return table(`host.${tomlString(endpoint)}`, rows).trimStart();
    })
    .join('\n');
}
