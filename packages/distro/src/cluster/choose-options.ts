/** Settles the options of a cluster: what was given, else what it had, else defaults that collide with no other cluster. */
import { CliError, type ClusterOptions, type GivenOptions, OPTION_SPECS, overlaps, resolveOptions } from '@kapella/cli';
import { toGiven } from './record.ts';

export interface OtherCluster {
  readonly options: ClusterOptions;
  readonly isRunning: boolean;
}

export interface MachineNetwork {
  readonly hostName: string;
  /** TCP ports on which something listens. */
  readonly listeningPorts: ReadonlySet<number>;
  /** Networks that this machine has routes to, without the default route: `10.0.0.0/24`. */
  readonly routes: readonly string[];
}

export interface ChosenOptions {
  readonly options: ClusterOptions;
  /** What was chosen other than the documented default, and why. */
  readonly notes: readonly string[];
}

/** What containers and stored objects already depend on. */
const FIXED_FIELDS: ReadonlySet<keyof ClusterOptions> = new Set([
  'dataDir',
  'podCidr',
  'serviceCidr',
  'podNetwork',
  'clusterDomain',
  'store',
  'nodeName',
]);
const FIRST_PORT = 6443;

/** `saved`: the options of this cluster from earlier. Throws CliError. */
export function chooseOptions(
  given: GivenOptions,
  saved: ClusterOptions | undefined,
  others: readonly OtherCluster[],
  machine: MachineNetwork,
): ChosenOptions {
  const notes: string[] = [];
  const host = { hostName: machine.hostName, withNode: true };
  let chosen: GivenOptions;
  if (saved === undefined) {
    chosen = { ...given, ...freeDefaults(resolveOptions(given, host), given, others, machine, notes) };
  } else {
    checkUnchanged(given, saved);
    chosen = { ...toGiven(saved), ...given };
  }
  const options = resolveOptions(chosen, host);
  for (const other of others) if (other.isRunning) checkApart(options, other.options);
  return { options, notes };
}

function checkUnchanged(given: GivenOptions, saved: ClusterOptions): void {
  if (Number(given.nodes ?? saved.nodes) < saved.nodes) {
    const message = `--nodes ${given.nodes}: cluster ${saved.name} has ${saved.nodes}; nodes are added, not taken away`;
    throw new CliError('Usage', message, `Leave --nodes out; or begin anew: kapella reset --name ${saved.name} --yes`);
  }
  for (const { field, flag } of OPTION_SPECS) {
    const value = given[field];
    if (value === undefined || !FIXED_FIELDS.has(field) || value === String(saved[field])) continue;
    const message = `${flag} ${value}: cluster ${saved.name} was made with ${saved[field]}, and that cannot change`;
    const fix = `Leave ${flag} out; or begin anew: kapella reset --name ${saved.name} --yes`;
    throw new CliError('Usage', message, fix);
  }
}

function freeDefaults(
  base: ClusterOptions,
  given: GivenOptions,
  others: readonly OtherCluster[],
  machine: MachineNetwork,
  notes: string[],
): GivenOptions {
  const free: GivenOptions = {};
  if (given.apiPort === undefined) {
    const taken = new Map(others.map(({ options }) => [options.apiPort, `cluster ${options.name}`]));
    for (const port of machine.listeningPorts) if (!taken.has(port)) taken.set(port, 'another program');
    let port = FIRST_PORT;
    while (taken.has(port)) port++;
    if (port !== base.apiPort)
      notes.push(`port ${base.apiPort} belongs to ${taken.get(base.apiPort)}: using --api-port ${port}`);
    free.apiPort = String(port);
  }
  const networks: Taken[] = [
    ...others.flatMap(({ options }) => networksOf(options).map((cidr) => ({ cidr, by: `cluster ${options.name}` }))),
    ...machine.routes.map((cidr) => ({ cidr, by: 'a route of this machine' })),
    ...[given.podCidr, given.serviceCidr]
      .filter((cidr) => cidr !== undefined)
      .map((cidr) => ({ cidr, by: 'this cluster' })),
  ];
  if (given.podCidr === undefined) free.podCidr = freeNetwork(base.podCidr, '--pod-cidr', networks, notes);
  if (given.serviceCidr === undefined)
    free.serviceCidr = freeNetwork(base.serviceCidr, '--service-cidr', networks, notes);
  return free;
}

interface Taken {
  readonly cidr: string;
  readonly by: string;
}

/** The default, or the next in steps of two: Pods have even networks of 10/8 and Services odd ones. */
function freeNetwork(preferred: string, flag: string, taken: readonly Taken[], notes: string[]): string {
  const first = Number(preferred.split('.')[1]);
  for (let second = first; second < 256; second += 2) {
    const cidr = `10.${second}.0.0/16`;
    if (taken.some((other) => overlaps(cidr, other.cidr))) continue;
    if (cidr !== preferred) {
      const by = taken.find((other) => overlaps(preferred, other.cidr))?.by;
      notes.push(`network ${preferred} belongs to ${by}: using ${flag} ${cidr}`);
    }
    return cidr;
  }
  throw new CliError('Host', `no network from ${preferred} to 10.255.0.0/16 is free`, `Give one: ${flag} CIDR`);
}

const networksOf = ({ podCidr, serviceCidr }: ClusterOptions) => [podCidr, serviceCidr];

function checkApart(options: ClusterOptions, other: ClusterOptions): void {
  if (options.apiPort === other.apiPort) {
    throw new CliError(
      'Host',
      `port ${options.apiPort} belongs to cluster ${other.name}`,
      'Choose another: --api-port',
    );
  }
  for (const [flag, cidr] of [
    ['--pod-cidr', options.podCidr],
    ['--service-cidr', options.serviceCidr],
  ] as const) {
    const clash = networksOf(other).find((theirs) => overlaps(cidr, theirs));
    if (clash === undefined) continue;
    throw new CliError(
      'Host',
      `${flag} ${cidr} overlaps with ${clash} of the running cluster ${other.name}`,
      `Choose another network, or stop that cluster: kapella down --name ${other.name}`,
    );
  }
}

/** Networks of /proc/net/route: columns Iface, Destination and Mask as little-endian hexadecimal. */
export function parseRoutes(text: string): string[] {
  const found = new Set<string>();
  for (const line of text.split('\n').slice(1)) {
    const columns = line.split('\t');
    const [destination, mask] = [columns[1], columns[7]];
    if (destination === undefined || mask === undefined || mask === '00000000') continue;
    const ones = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === '1').length;
    found.add(`${littleEndian(destination)}/${ones}`);
  }
  return [...found];
}

const littleEndian = (hex: string) => [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');

/** Listening ports of /proc/net/tcp or tcp6: state 0A. */
export function parseListening(text: string): number[] {
  return [...text.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /gm)].map((match) =>
    Number.parseInt(match[1] as string, 16),
  );
}
