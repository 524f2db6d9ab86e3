/** Pods of two nodes behind a router that knows no Pod: only the tunnel brings them together. Root, iproute2, vxlan. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Node } from '@kapella/api/types/core-v1';
import { createLogger, type Ctx } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { planTunnel } from '@kapella/cni';
import { createTunnelKeeper, removeTunnels } from '@kapella/cni/node';
import { eventually } from '../../support/cluster.ts';
import { hasIpv6 } from '../../support/ipv6.ts';

const run = promisify(execFile);
const prefix = `kt${process.pid}`;
const ns = (name: string) => `${prefix}-${name}`;
const inside = (name: string) => ['ip', 'netns', 'exec', ns(name)];
const warnings: string[] = [];
const controller = new AbortController();
const ctx: Ctx = hostCtx(
  controller.signal,
  createLogger((record) => {
    if (record.level !== 'info') warnings.push(JSON.stringify(record));
  }),
);
const IPV6 = hasIpv6();
const TUNNEL = { clusterName: 'lab', device: 'kapella-lab-vx', id: 4_200, mtuBytes: 1_450 };

const ip = (lines: readonly string[]) => run('bash', ['-c', `ip -batch - <<'X'\n${lines.join('\n')}\nX`]);
const execIn = async (name: string, ...command: readonly string[]) =>
  (await run('ip', ['netns', 'exec', ns(name), ...command])).stdout;

/** `index`: 1 or 2. A node on a network of its own beyond the router, with one Pod. */
async function addNode(index: number): Promise<void> {
  const [node, pod] = [`n${index}`, `p${index}`];
  await ip([`netns add ${ns(node)}`, `netns add ${ns(pod)}`]);
  await ip([
    `link add r${index} netns ${ns('router')} type veth peer name eth0 netns ${ns(node)}`,
    `link add vpod netns ${ns(node)} type veth peer name eth0 netns ${ns(pod)}`,
  ]);
  const at = (name: string) => `-n ${ns(name)}`;
  const lines: Record<string, readonly string[]> = {
    router: [`addr add 192.0.${index}.254/24 dev r${index}`, `link set r${index} up`],
    [node]: [
      'link set lo up',
      `addr add 192.0.${index}.1/24 dev eth0`,
      'link set eth0 up',
      `route add default via 192.0.${index}.254`,
      'addr add 10.99.255.1/32 dev vpod',
      'addr add fd99:0:0:ff::1/128 dev vpod nodad',
      'link set vpod up',
      `route add 10.99.${index}.2 dev vpod`,
      `route add fd99:0:0:${index}::2 dev vpod`,
    ],
    [pod]: [
      `addr add 10.99.${index}.2/32 dev eth0`,
      `addr add fd99:0:0:${index}::2/128 dev eth0 nodad`,
      'link set eth0 up',
      'route add 10.99.255.1 dev eth0',
      'route add default via 10.99.255.1',
      'route add fd99:0:0:ff::1 dev eth0',
      'route add ::/0 via fd99:0:0:ff::1',
    ],
  };
  for (const [name, batch] of Object.entries(lines)) {
    const lines = batch.filter((line) => IPV6 || !line.includes('fd99'));
    await run('bash', ['-c', `ip ${at(name)} -batch - <<'X'\n${lines.join('\n')}\nX`]);
  }
  await execIn(node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', ...(IPV6 ? ['net.ipv6.conf.all.forwarding=1'] : []));
}

const nodeObject = (index: number): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `n${index}`, uid: '', resourceVersion: '', creationTimestamp: '' },
  spec: { podCIDRs: [`10.99.${index}.0/24`, ...(IPV6 ? [`fd99:0:0:${index}::/64`] : [])] },
  status: { addresses: [{ type: 'InternalIP', address: `192.0.${index}.1` }] },
});

before(async () => {
  await ip([`netns add ${ns('router')}`]);
  await execIn('router', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  for (const index of [1, 2]) await addNode(index);
});
after(async () => {
  controller.abort();
  for (const name of ['n1', 'n2', 'p1', 'p2', 'router']) await run('ip', ['netns', 'del', ns(name)]).catch(() => {});
});

/** Nobody listens: a refusal comes from the address itself. */
async function reaches(from: string, address: string): Promise<boolean> {
  const connect = ['timeout', '1', 'bash', '-c', 'exec 3<>"/dev/tcp/$1/9"', 'x', address];
  const said = await execIn(from, ...connect).catch(({ stderr }: { stderr?: string }) => stderr ?? '');
  return /refused/i.test(said);
}

test('Pods reach each other and far nodes through the tunnel, by both families; a node that goes is forgotten', async () => {
  assert.equal(await reaches('n1', '192.0.2.1'), true, 'the router knows the nodes');
  assert.equal(await reaches('p1', '10.99.2.2'), false, 'and no Pod');
  const nodes = [1, 2].map(nodeObject);
  const keepers = [1, 2].map((index) => createTunnelKeeper(ctx, inside(`n${index}`)));
  for (const [i, keeper] of keepers.entries()) {
    const tunnel = planTunnel(nodes, `n${i + 1}`, TUNNEL);
    assert.ok(tunnel !== undefined);
    keeper.want({ ...tunnel, peers: [] });
    keeper.want(tunnel);
  }
  for (const [from, to] of [
    ['p1', '10.99.2.2'],
    ['p2', '10.99.1.2'],
    ['p1', 'fd99:0:0:2::2'],
    ['n1', '10.99.2.2'],
    ['n2', 'fd99:0:0:1::2'],
  ] as const) {
    if (!IPV6 && to.includes(':')) continue;
    await eventually(`${from} reaches ${to}`, () => reaches(from, to));
  }
  const alone = planTunnel(nodes.slice(0, 1), 'n1', TUNNEL);
  assert.ok(alone !== undefined);
  keepers[0]?.want(alone);
  await eventually(
    'the far Pods are forgotten',
    async () => !(await execIn('n1', 'ip', 'route')).includes('10.99.2.0'),
  );
  assert.doesNotMatch(await execIn('n1', 'ip', '-6', 'route'), /fd99:0:0:2::\/64/);
  assert.doesNotMatch(await execIn('n1', 'bridge', 'fdb', 'show', 'dev', TUNNEL.device), /dst 192/);
  assert.deepEqual(await removeTunnels('other', ctx, inside('n1')), []);
  assert.deepEqual(await removeTunnels('lab', ctx, inside('n1')), [TUNNEL.device]);
  assert.deepEqual(warnings, []);
});
