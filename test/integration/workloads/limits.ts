/** Requests and limits where the kernel reads them, and what happens beyond them. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { pod } from '../../support/manifests.ts';
import { conditionOf, containerOf, openSession } from '../../support/session.ts';

/** Files of the cgroups that the container's first process is in, whichever version the machine has. */
export function cgroupOf(status: Pod['status'], name = 'main') {
  const id = status?.containerStatuses?.find((one) => one.name === name)?.containerID?.replace(/^containerd:\/\//, '');
  if (id === undefined || id === '') throw new Error(`container ${name} has no id`);
  const memberships = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => readIfThere(`/proc/${pid}/cgroup`))
    .find((text) => text.includes(id));
  if (memberships === undefined) throw new Error(`no process is in a cgroup of container ${id}`);
  const rows = memberships
    .trim()
    .split('\n')
    .map((line) => line.split(':'));
  const dirOf = (controller: string) => {
    const v1 = rows.find((row) => row[1]?.split(',').includes(controller));
    if (v1 !== undefined) return { version: 1, dir: `/sys/fs/cgroup/${v1[1]}${v1[2]}` };
    return { version: 2, dir: `/sys/fs/cgroup${rows.find((row) => row[0] === '0')?.[2]}` };
  };
  return (controller: 'memory' | 'cpu' | 'pids') => {
    const { version, dir } = dirOf(controller);
    const read = (at: string, file: string) => readFileSync(join(at, file), 'utf8').trim();
    return {
      version,
      dir,
      own: (file: string) => read(dir, file),
      ofPod: (file: string) => read(join(dir, '..'), file),
    };
  };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const MEBIBYTE = 1 << 20;

export function limitTests(cluster: () => TestCluster): void {
  test('requests and limits are in the cgroups of container and Pod, below that of the class', async () => {
    const s = await openSession(cluster(), 'limits');
    const resources = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } };
    await s.apply(pod('main', { container: { resources } }));
    const { metadata, status } = await s.ready('main');
    assert.equal(status?.qosClass, 'Burstable');
    const cgroup = cgroupOf(status);
    const [memory, cpu] = [cgroup('memory'), cgroup('cpu')];
    assert.match(memory.dir, new RegExp(`/kapella-${cluster().name}/kubepods/burstable/pod${metadata.uid}/`));
    const memoryFile = memory.version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
    assert.equal(memory.own(memoryFile), String(64 * MEBIBYTE));
    assert.equal(memory.ofPod(memoryFile), String(64 * MEBIBYTE));
    if (cpu.version === 1) {
      assert.deepEqual([cpu.own('cpu.cfs_quota_us'), cpu.own('cpu.cfs_period_us')], ['20000', '100000']);
      assert.deepEqual([cpu.own('cpu.shares'), cpu.ofPod('cpu.shares')], ['102', '102']);
      assert.equal(cpu.ofPod('cpu.cfs_quota_us'), '20000');
    } else {
      assert.equal(cpu.own('cpu.max'), '20000 100000');
      assert.equal(cpu.ofPod('cpu.max'), '20000 100000');
      assert.ok(Number(cpu.own('cpu.weight')) < 100, 'less than a whole CPU weighs less than the default');
    }
    await s.k('delete pod main');
    await eventually('the cgroup of the Pod is gone', async () => !existsSync(join(memory.dir, '..')));
  });

  test('classes: Guaranteed directly below the root, BestEffort with the smallest share', async () => {
    const s = await openSession(cluster(), 'qos');
    const same = { cpu: '50m', memory: '16Mi' };
    await s.apply(pod('best'), pod('guaranteed', { container: { resources: { limits: same } } }));
    const [best, guaranteed] = [await s.ready('best'), await s.ready('guaranteed')];
    assert.deepEqual([best.status?.qosClass, guaranteed.status?.qosClass], ['BestEffort', 'Guaranteed']);
    assert.deepEqual(guaranteed.spec.containers[0]?.resources?.requests, same, 'requests follow limits');
    assert.match(cgroupOf(guaranteed.status)('cpu').dir, new RegExp(`/kubepods/pod${guaranteed.metadata.uid}/`));
    const cpu = cgroupOf(best.status)('cpu');
    assert.match(cpu.dir, new RegExp(`/kubepods/besteffort/pod${best.metadata.uid}/`));
    assert.equal(cpu.version === 1 ? cpu.own('cpu.shares') : cpu.own('cpu.weight'), cpu.version === 1 ? '2' : '1');
  });

  test('more memory than the limit: OOMKilled, exit code 137', async () => {
    const s = await openSession(cluster(), 'oom');
    const container = { resources: { limits: { memory: '24Mi' } } };
    await s.apply(pod('main', { command: ['tail', '/dev/zero'], container, spec: { restartPolicy: 'Never' } }));
    const seen = await s.finished('main');
    const { reason, exitCode } = containerOf(seen)?.state?.terminated ?? {};
    assert.deepEqual([reason, exitCode], ['OOMKilled', 137]);
    assert.match(await s.k('get pod main'), /main\s+0\/1\s+OOMKilled/);
  });

  test('more in an emptyDir than it may hold: evicted, with upstream’s words', async () => {
    const s = await openSession(cluster(), 'evict');
    const script = 'dd if=/dev/zero of=/scratch/big bs=1M count=8 && sleep 600';
    const container = { volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] };
    const spec = { volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '4Mi' } }], restartPolicy: 'Never' };
    await s.apply(pod('main', { script, container, spec }));
    const { status } = await s.finished('main');
    assert.deepEqual([status?.phase, status?.reason], ['Failed', 'Evicted']);
    assert.equal(status?.message, 'Usage of EmptyDir volume "scratch" exceeds the limit "4Mi". ');
    await s.eventOf('main', 'Evicted', /exceeds the limit "4Mi"/);
  });

  test('a Pod that asks for more than the node has stays Pending, and says why', async () => {
    const s = await openSession(cluster(), 'toomuch');
    await s.apply(pod('main', { container: { resources: { requests: { cpu: '1000' } } } }));
    const seen = await s.podUntil(
      'main',
      'is unschedulable',
      (found) => conditionOf(found, 'PodScheduled') === 'False',
    );
    const condition = seen.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    assert.equal(condition?.reason, 'Unschedulable');
    assert.match(condition?.message ?? '', /^0\/1 nodes are available: 1 Insufficient cpu\./);
    await s.eventOf('main', 'FailedScheduling', /1 Insufficient cpu/);
    assert.match(await s.k('get pod main'), /main\s+0\/1\s+Pending/);
  });

  test('quota and limit range: defaults are filled in, what is beyond is refused', async () => {
    const s = await openSession(cluster(), 'quota');
    const limits = [
      { type: 'Container', default: { memory: '32Mi' }, defaultRequest: { memory: '16Mi' }, max: { memory: '64Mi' } },
    ];
    const quota = { kind: 'ResourceQuota', metadata: { name: 'q' }, spec: { hard: { pods: '1' } } };
    await s.apply(
      { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'l' }, spec: { limits } },
      { apiVersion: 'v1', ...quota },
    );
    await eventually(
      'the quota is counted',
      async () => (await s.k(`get quota q -o jsonpath='{.status.hard.pods}'`)) === '1',
    );
    const big = pod('big', { container: { resources: { limits: { memory: '128Mi' } } } });
    const refused = await s.try('create -f -', { input: JSON.stringify(big) });
    assert.match(refused.stderr, /forbidden: maximum memory usage per Container is 64Mi, but limit is 128Mi/);
    await s.apply(pod('one'));
    const { spec } = await s.pod('one');
    assert.deepEqual(spec.containers[0]?.resources, { limits: { memory: '32Mi' }, requests: { memory: '16Mi' } });
    const second = await s.try('create -f -', { input: JSON.stringify(pod('two')) });
    assert.match(second.stderr, /exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1/);
  });
}
