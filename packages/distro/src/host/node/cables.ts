/** Network namespaces of further nodes on this machine: made, connected, removed. Source: ip-netns(8), veth(4). */
import type { Ctx } from '@kapella/base';
import { networksOf } from '@kapella/cli';
import type { Cable } from '../../cluster/members.ts';
import { run, tryRun } from './run.ts';

/** Where `ip netns` keeps them. */
export const namespacePath = ({ namespace }: Cable): string => `/run/netns/${namespace}`;

/** Put before a command, it runs in the node's network; the process stays the one that was started. */
export const inNamespace = (cable: Cable | undefined): readonly string[] =>
  cable === undefined ? [] : ['nsenter', `--net=${namespacePath(cable)}`];

const tableOf = (clusterName: string) => `kapella-${clusterName}-nodes`;

export interface CablePlan {
  readonly clusterName: string;
  readonly cable: Cable;
  /** Of all cables of the cluster, by family. */
  readonly networks: readonly string[];
  readonly podCidr: string;
}

/** Idempotent. Afterwards machine and node reach each other, and the node reaches what the machine reaches. */
export async function layCable({ clusterName, cable, networks, podCidr }: CablePlan, ctx: Ctx): Promise<void> {
  const { namespace, device, machineAddress, nodeAddress, ipv6 } = cable;
  if (!(await namespaces()).has(namespace)) await run('ip', ['netns', 'add', namespace]);
  if ((await tryRun('ip', ['link', 'show', 'dev', device])).code !== 0) {
    await run('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
  }
  const inside = [
    'link set lo up',
    `addr replace ${nodeAddress}/32 dev eth0`,
    'link set eth0 up',
    `route replace ${machineAddress} dev eth0 scope link`,
    `route replace default via ${machineAddress} dev eth0`,
    ...(ipv6 === undefined ? [] : ends6(ipv6.nodeAddress, ipv6.machineAddress, 'eth0')),
    ...(ipv6 === undefined ? [] : [`route replace ::/0 via ${ipv6.machineAddress} dev eth0`]),
  ];
  const outside = [
    `addr replace ${machineAddress}/32 dev ${device}`,
    `link set ${device} up`,
    `route replace ${nodeAddress} dev ${device} scope link`,
    ...(ipv6 === undefined ? [] : ends6(ipv6.machineAddress, ipv6.nodeAddress, device)),
  ];
  const signal = ctx.signal as globalThis.AbortSignal;
  await run('ip', ['-batch', '-'], { input: `${outside.join('\n')}\n`, signal });
  await run('ip', ['-netns', namespace, '-batch', '-'], { input: `${inside.join('\n')}\n`, signal });
  const forwarding = ['net.ipv4.ip_forward=1', ...(ipv6 === undefined ? [] : ['net.ipv6.conf.all.forwarding=1'])];
  await run('nsenter', [`--net=${namespacePath(cable)}`, 'sysctl', '-qw', ...forwarding]);
  const tables = networks.map((network) => masquerade(tableOf(clusterName), network, networksOf(podCidr)));
  await run('nft', ['-f', '-'], { input: tables.join('') });
}

/** One end of a cable: its address, and the way to the other's. Without `nodad` the address waits for a second. */
const ends6 = (own: string, other: string, device: string): readonly string[] => [
  `addr replace ${own}/128 dev ${device} nodad`,
  `route replace ${other} dev ${device}`,
];

/** What nodes send out of the cluster leaves with the machine's address. */
function masquerade(table: string, network: string, podCidrs: readonly string[]): string {
  const isIpv6 = network.includes(':');
  const ip = isIpv6 ? 'ip6' : 'ip';
  const near = [network, ...podCidrs.filter((cidr) => cidr.includes(':') === isIpv6)];
  return [
    `add table ${ip} ${table}`,
    `add chain ${ip} ${table} postrouting { type nat hook postrouting priority srcnat; policy accept; }`,
    `flush chain ${ip} ${table} postrouting`,
    `add rule ${ip} ${table} postrouting ${ip} saddr ${network} ${ip} daddr != { ${near.join(', ')} } masquerade`,
    '',
  ].join('\n');
}

/** With the namespace go its interfaces, routes and rules. Its processes must be gone. Returns what was removed. */
export async function removeCable({ namespace, device }: Cable): Promise<readonly string[]> {
  if (!(await namespaces()).has(namespace)) return [];
  await tryRun('ip', ['link', 'del', 'dev', device]);
  await run('ip', ['netns', 'del', namespace]);
  return [`network namespace ${namespace}`];
}

export async function removeCableRules(clusterName: string): Promise<void> {
  const table = tableOf(clusterName);
  const heads = ['ip', 'ip6'].map((family) => `${family} ${table}`);
  const input = heads.map((head) => `add table ${head}\ndelete table ${head}\n`).join('');
  await tryRun('nft', ['-f', '-'], { input });
}

async function namespaces(): Promise<ReadonlySet<string>> {
  const { stdout } = await tryRun('ip', ['netns', 'list']);
  return new Set(stdout.split('\n').map((line) => line.split(' ')[0] ?? ''));
}
