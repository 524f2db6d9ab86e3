/** Pods connected by the real plugins with our configuration. Root, nftables, containernetworking-plugins. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLogger, type Ctx } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { cniBackends, networkName, type PodNetwork } from '@kapella/cni';
import { cleanUpPodNetwork, freeLeakedAddresses, setUpPodNetwork, uplinkMtuBytes } from '@kapella/cni/node';
import { createLab, type Lab, NODE_IP } from './lab.ts';

const ptpBackend = cniBackends.ptp;
const warnings: string[] = [];
const ctx: Ctx = hostCtx(
  new AbortController().signal,
  createLogger((r) => warnings.push(JSON.stringify(r))),
);
let lab: Lab;
let dir: string;
let network: PodNetwork;
let prefix: readonly string[];
const idOf = (pod: string) => pod.repeat(64).slice(0, 64);

/** What libcni does for one plugin of the list. */
function plugin(command: 'ADD' | 'DEL', pod: string): { readonly ips?: readonly { readonly address: string }[] } {
  const list = JSON.parse(ptpBackend.configList(network));
  const stdin = JSON.stringify({ ...list.plugins[0], cniVersion: list.cniVersion, name: list.name });
  const [program = '', ...args] = [...prefix, join(dir, 'bin', 'ptp')];
  const env = {
    PATH: process.env['PATH'],
    CNI_COMMAND: command,
    CNI_CONTAINERID: idOf(pod),
    CNI_NETNS: `/var/run/netns/${lab.prefix}-${pod}`,
    CNI_IFNAME: 'eth0',
    CNI_PATH: join(dir, 'bin'),
  };
  const done = spawnSync(program, args, { input: stdin, env, encoding: 'utf8' });
  assert.equal(done.status, 0, `${command} ${pod}: ${done.stdout}${done.stderr}`);
  return done.stdout === '' ? {} : JSON.parse(done.stdout);
}

const ns = (pod: string) => `${lab.prefix}-${pod}`;
function addPod(pod: string): string {
  execFileSync('ip', ['netns', 'add', ns(pod)]);
  return plugin('ADD', pod).ips?.[0]?.address.split('/')[0] as string;
}

before(async () => {
  lab = await createLab();
  dir = await mkdtemp(join(tmpdir(), 'kapella-cni-'));
  prefix = ['ip', 'netns', 'exec', ns('node')];
  network = {
    clusterName: 'lab',
    podCIDRs: ['10.244.1.0/29'],
    clusterCIDRs: ['10.244.0.0/16'],
    mtuBytes: await uplinkMtuBytes(ctx, prefix),
    ipamDir: join(dir, 'ipam'),
  };
  const options = {
    backend: ptpBackend,
    network,
    binDir: join(dir, 'bin'),
    confDir: join(dir, 'net.d'),
    commandPrefix: prefix,
  };
  await setUpPodNetwork(options, ctx);
  await setUpPodNetwork(options, ctx); // again changes nothing
});
after(async () => {
  for (const pod of ['d', 'e', 'f']) spawnSync('ip', ['netns', 'del', ns(pod)]);
  await lab?.close();
  await rm(dir, { recursive: true, force: true });
});

test("Pod to Pod, to the node, from the node and out of the cluster with the node's address; nothing is left", async () => {
  assert.deepEqual(await readdir(join(dir, 'net.d')), ['10-kapella-lab.conflist']);
  const d = addPod('d');
  const e = addPod('e');
  assert.deepEqual([d, e], ['10.244.1.2', '10.244.1.3']);
  await lab.serve('e', 8080);
  await lab.serve('node', 8081);
  await lab.serve('out', 8082);
  assert.equal(await lab.ask('d', e, 8080), `e ${d}`);
  assert.match(await lab.ask('node', e, 8080), /^e /);
  assert.equal(await lab.ask('d', NODE_IP, 8081), `node ${d}`);
  assert.equal(await lab.ask('d', '192.0.2.100', 8082), `out ${NODE_IP}`);
  assert.match(await lab.exec('d', 'ip', 'link', 'show', 'eth0'), /mtu 1500/);
  plugin('DEL', 'd');
  plugin('DEL', 'd'); // twice, as the runtime may
  assert.doesNotMatch(await lab.exec('node', 'ip', 'route'), /10\.244\.1\.2 /);
  assert.ok(!(await readdir(join(dir, 'ipam', networkName('lab')))).includes('10.244.1.2'));
});

test('a freed address rests while others are free; leaked ones come back; clean-up removes the rest', async () => {
  assert.equal(addPod('f'), '10.244.1.4');
  const held = join(dir, 'ipam', networkName('lab'));
  for (const name of ['10.244.1.3', '10.244.1.4']) await utimes(join(held, name), 1, 1);
  const freed = await freeLeakedAddresses(
    { ipamDir: network.ipamDir, clusterName: 'lab', liveSandboxIds: new Set([idOf('e')]) },
    ctx,
  );
  assert.deepEqual(freed, ['10.244.1.4']);
  const options = {
    clusterName: 'lab',
    podCIDRs: network.podCIDRs,
    cacheDir: join(dir, 'none'),
    commandPrefix: prefix,
  };
  const listed = await cleanUpPodNetwork({ ...options, dryRun: true }, ctx);
  assert.equal(listed.interfaces.length, 2);
  assert.deepEqual(listed.tables, ['ip kapella-lab-net']);
  assert.deepEqual(await cleanUpPodNetwork(options, ctx), listed);
  assert.deepEqual(await cleanUpPodNetwork(options, ctx), { interfaces: [], tables: [], cachedResults: [] });
  assert.equal((await lab.exec('node', 'nft', 'list', 'tables')).trim(), '');
  assert.doesNotMatch(await lab.exec('node', 'ip', 'link'), /veth/);
  assert.deepEqual(warnings, []);
});
