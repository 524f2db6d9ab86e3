/**
 * What a node goes through, one after the other on a cluster of its own, longer than CI has time for:
 *   node test/integration/recovery/hardships.ts [shim] [disk] [network:60] [reboot] …   (all of these when none is named)
 * Each ends with what upstream's documentation promises of Pods, and with nothing left over on the host.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { conditionOf, openSession, restartsOf, type Session } from '../../support/session.ts';
import { deployment, pod } from '../../support/manifests.ts';
import { eventually, startCluster, type TestCluster } from '../../support/cluster.ts';

const NAME = 't-hard';
const SECOND = `${NAME}-2`;
const DISK_FREE_SHARE = 0.04;

interface Hardship {
  readonly name: string;
  run(s: Session, seconds: number): Promise<void>;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const runDir = () => join('/run/kapella', NAME);

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

const containerId = ({ status }: Pod) =>
  /containerd:\/\/(\w+)/.exec(status?.containerStatuses?.[0]?.containerID ?? '')?.[1] ?? '';

const initPid = (id: string) =>
  Number(readFileSync(join(runDir(), 'containerd/io.containerd.runtime.v2.task/k8s.io', id, 'init.pid'), 'utf8'));

const parentOf = (pid: number) => Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** Processes in control groups of the cluster, the cluster's own programs included. */
function processesOfCluster(cluster: TestCluster): readonly number[] {
  const mine = (pid: number) => {
    try {
      const cgroup = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return cgroup.includes(`/kapella-${NAME}/`) || words.includes(cluster.dataDir) || words.includes(`${runDir()}/`);
    } catch {
      return false;
    }
  };
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((pid) => pid !== process.pid && mine(pid));
}

async function shim(s: Session): Promise<void> {
  await s.apply(pod('shimless'));
  const before = await s.ready('shimless');
  const first = initPid(containerId(before));
  process.kill(parentOf(first), 'SIGKILL');
  const restarted = await s.podUntil('shimless', 'has another container', (now) => {
    return containerId(now) !== containerId(before) && conditionOf(now, 'Ready') === 'True';
  });
  assert.equal(restartsOf(restarted), 1);
  assert.equal(isAlive(first), false, 'the container of the killed shim is gone: nothing runs twice');
  await s.k('delete pod shimless --timeout=60s');
}

async function disk(s: Session): Promise<void> {
  await s.apply(pod('writer', { script: 'dd if=/dev/zero of=/fill bs=1M count=200; sleep 100000' }));
  await s.ready('writer');
  const path = join(s.cluster.dataDir, 'ballast');
  const { bavail, blocks, bsize } = statfsSync(s.cluster.dataDir);
  const fillBytes = bavail * bsize - blocks * bsize * DISK_FREE_SHARE;
  execFileSync('fallocate', ['-l', String(Math.floor(fillBytes)), path]);
  try {
    const evicted = await s.podUntil('writer', 'is evicted', ({ status }) => status?.reason === 'Evicted', 180_000);
    assert.equal(evicted.status?.phase, 'Failed');
    const node = () => nodeCondition(s, NAME, 'DiskPressure');
    assert.equal(await node(), 'True');
    rmSync(path);
    await eventually('the disk has room again', async () => (await node()) === 'False', 420_000);
  } finally {
    rmSync(path, { force: true });
  }
  await s.k('delete pod writer --timeout=60s');
}

/** The further node has a network of its own: its cable is pulled. */
async function network(s: Session, seconds: number): Promise<void> {
  const spec = { nodeName: SECOND };
  await s.apply(pod('far', { spec }));
  const before = await s.ready('far');
  const [route] = JSON.parse(execFileSync('ip', ['-json', 'route', 'get', hostIpOf(before)], { encoding: 'utf8' })) as {
    readonly dev: string;
  }[];
  const device = route?.dev ?? '';
  execFileSync('ip', ['link', 'set', device, 'down']);
  try {
    const ready = () => nodeCondition(s, SECOND, 'Ready');
    await eventually('the node is not heard', async () => (await ready()) === 'Unknown', 120_000);
    await pause(seconds * 1000);
  } finally {
    execFileSync('ip', ['link', 'set', device, 'up']);
    execFileSync('ip', ['route', 'replace', hostIpOf(before), 'dev', device, 'scope', 'link']);
  }
  if (seconds < 240) {
    const after = await s.ready('far', 120_000);
    assert.equal(containerId(after), containerId(before), 'a short silence disturbs no container');
    assert.equal(restartsOf(after), 0);
  } else {
    await eventually(
      'the Pod was taken from the node after five minutes',
      async () => {
        const found = await s.try('get pod far');
        return found.code !== 0;
      },
      120_000,
    );
  }
  await s.try('delete pod far --ignore-not-found --timeout=60s');
}

async function nodeCondition(s: Session, name: string, type: string): Promise<string | undefined> {
  const { status } = await s.api.get<Node>(`/api/v1/nodes/${name}`);
  return status?.conditions?.find((condition) => condition.type === type)?.status;
}

const hostIpOf = ({ status }: Pod) => status?.hostIP ?? '';

/** All processes gone at once, what lies in memory gone, the disk kept. */
async function reboot(s: Session): Promise<void> {
  await s.apply(
    deployment('app', 2),
    pod('once', { script: 'exit 0', spec: { restartPolicy: 'Never' } }),
    pod('alone'),
  );
  await s.k('rollout status deployment/app --timeout=60s');
  await s.ready('alone');
  await s.finished('once');
  const before = await s.pod('alone');
  crash(s.cluster);
  const result = await s.cluster.kapella('up --yes', { timeoutMs: 180_000 });
  assert.equal(result.code, 0, result.stdout + result.stderr);
  const after = await s.podUntil(
    'alone',
    'runs again',
    (now) => {
      return containerId(now) !== containerId(before) && conditionOf(now, 'Ready') === 'True';
    },
    120_000,
  );
  assert.equal(after.metadata.uid, before.metadata.uid, 'it is the same Pod');
  assert.equal(restartsOf(after), 1);
  assert.equal((await s.pod('once')).status?.phase, 'Succeeded', 'what is over does not run again');
  await s.k('rollout status deployment/app --timeout=60s');
  await s.k('delete deployment/app pod/alone pod/once --timeout=60s');
}

function crash(cluster: TestCluster): void {
  for (;;) {
    const pids = processesOfCluster(cluster);
    if (pids.length === 0) break;
    for (const pid of pids) tryTo(() => process.kill(pid, 'SIGKILL'));
    execFileSync('sleep', ['0.2']);
  }
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  const own = mounts.filter((path) => path.startsWith(`${runDir()}/`) || path.startsWith(`${cluster.dataDir}/`));
  for (const path of own.reverse()) tryTo(() => execFileSync('umount', ['-l', path], { stdio: 'ignore' }));
  for (const name of existsSync('/run/netns') ? readdirSync('/run/netns') : []) {
    if (name.startsWith('cni-')) tryTo(() => execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' }));
  }
  rmSync(runDir(), { recursive: true, force: true });
}

/** What is gone already need not be ended. */
function tryTo(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (process.env['KAPELLA_DEBUG'] !== undefined) process.stderr.write(`${String(error)}\n`);
  }
}

const HARDSHIPS: readonly Hardship[] = [
  { name: 'shim', run: shim },
  { name: 'network', run: network },
  { name: 'reboot', run: reboot },
  { name: 'disk', run: disk },
];
const USUAL = ['shim', 'network:60', 'reboot', 'disk'];

const wanted = process.argv.length > 2 ? process.argv.slice(2) : USUAL;
const cluster = await startCluster({
  name: NAME,
  apiPort: 16_459,
  podCidr: '10.124.0.0/16',
  serviceCidr: '10.125.0.0/16',
  args: ['--nodes', '2'],
});
let failures = 0;
try {
  for (const word of wanted) {
    const [name = '', seconds = '60'] = word.split(':');
    const hardship = HARDSHIPS.find((one) => one.name === name);
    if (hardship === undefined) throw new Error(`there are ${HARDSHIPS.map((one) => one.name).join(', ')}`);
    const startMs = performance.now();
    const outcome = await openSession(cluster, name)
      .then((s) => hardship.run(s, Number(seconds)))
      .then(
        () => 'ok',
        (error: unknown) => `FAILED: ${error instanceof Error ? error.stack : String(error)}`,
      );
    if (outcome !== 'ok') failures++;
    process.stdout.write(`${word}: ${outcome} (${((performance.now() - startMs) / 1000).toFixed(0)} s)\n`);
  }
} finally {
  await cluster[Symbol.asyncDispose]();
}
const left = readFileSync('/proc/mounts', 'utf8')
  .split('\n')
  .filter((line) => line.includes(NAME));
if (left.length > 0) process.stdout.write(`left over: ${left.join('\n')}\n`);
process.exitCode = failures > 0 || left.length > 0 ? 1 : 0;
