/** Thresholds, grace periods, ranking, texts and limits of local storage; the manager over stats that a test sets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '@kapella/api/types/core-v1';
import { type Ctx, formatTime, silentLogger } from '@kapella/base';
import { KUBELET_CONFIG_DEFAULTS, type KubeletConfig, parseKubeletConfig } from '../config/kubelet-config.ts';
import type { StatsProvider } from '../stats/stats-provider.ts';
import type { NodeStats, PodStats } from '../stats/summary.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { createVirtualClock } from '../testing/virtual-clock.test-support.ts';
import { createEvictionManager, type EvictionVerdict } from './eviction-manager.ts';
import { noPressure, planPressure, type PressureState } from './plan-eviction.ts';
import { rankForEviction } from './rank.ts';
import { parseSystemOom, systemOomMessage } from './system-oom.ts';
import { parseThresholds } from './thresholds.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const time = formatTime(0);

interface Room {
  memory?: number;
  disk?: number;
  pids?: number;
}

const nodeWith = ({ memory = 4 * GIB, disk = 50 * GIB, pids = 30_000 }: Room): NodeStats => ({
  nodeName: 'node-1',
  systemContainers: [],
  startTime: time,
  memory: { time, availableBytes: memory, workingSetBytes: 8 * GIB - memory },
  fs: { time, availableBytes: disk, capacityBytes: 100 * GIB, inodesFree: 900, inodes: 1000 },
  rlimit: { time, maxpid: 32_768, curproc: 32_768 - pids },
});

const podStats = (pod: Pod, memoryBytes: number, more: Partial<PodStats> = {}): PodStats => ({
  podRef: { name: pod.metadata.name, namespace: 'default', uid: pod.metadata.uid },
  startTime: time,
  containers: [{ name: 'main', startTime: time, memory: { time, workingSetBytes: memoryBytes } }],
  memory: { time, workingSetBytes: memoryBytes },
  ...more,
});

const withMemory = (name: string, request: string | undefined, priority: number): Pod =>
  testPod(name, {
    priority,
    containers: [
      { name: 'main', image: 'app:1', ...(request ? { resources: { requests: { memory: request } } } : {}) },
    ],
  });

const config = (value: object): KubeletConfig => parseKubeletConfig(value);

test('a soft threshold counts after its grace period, and again only once it is met anew', () => {
  const thresholds = parseThresholds(
    config({
      evictionHard: { 'memory.available': '0%' },
      evictionSoft: { 'memory.available': '1Gi' },
      evictionSoftGracePeriod: { 'memory.available': '30s' },
    }),
  );
  assert.equal(thresholds.length, 1);
  const at = (nowMs: number, available: number, state: PressureState) => {
    const observations = new Map([['memory.available', { available, capacity: 8 * GIB }]] as const);
    return planPressure({ thresholds, observations, state, transitionPeriodMs: 60_000, nowMs });
  };
  const first = at(0, 500 * MIB, noPressure);
  assert.deepEqual([...first.conditions], ['MemoryPressure']);
  assert.equal(first.starved, undefined);
  assert.equal(at(29_000, 500 * MIB, first.state).starved, undefined);
  assert.equal(at(30_000, 500 * MIB, first.state).starved?.hard, false);
  const relieved = at(40_000, 2 * GIB, first.state);
  assert.deepEqual([...relieved.conditions], ['MemoryPressure']); // the transition period
  assert.equal(at(60_000, 2 * GIB, relieved.state).conditions.size, 0);
  assert.equal(at(61_000, 500 * MIB, relieved.state).starved, undefined);
});

test('a threshold lasts until the minimum was reclaimed', () => {
  const thresholds = parseThresholds(
    config({ evictionHard: { 'nodefs.available': '10%' }, evictionMinimumReclaim: { 'nodefs.available': '5%' } }),
  );
  const at = (percent: number, state: PressureState) =>
    planPressure({
      thresholds,
      observations: new Map([['nodefs.available', { available: percent, capacity: 100 }]] as const),
      state,
      transitionPeriodMs: 0,
      nowMs: 0,
    });
  const first = at(9, noPressure);
  assert.equal(first.starved?.resource, 'ephemeral-storage');
  assert.notEqual(at(12, first.state).starved, undefined);
  assert.equal(at(15, first.state).starved, undefined);
  assert.equal(at(12, noPressure).starved, undefined);
});

test('thresholds that cannot be are named', () => {
  const soft = config({ evictionSoft: { 'memory.available': '1Gi' } });
  assert.throws(() => parseThresholds(soft), /grace period must be specified for the soft eviction threshold memory/);
  assert.throws(
    () => parseThresholds(config({ evictionHard: { 'gpu.available': '1' } })),
    /unsupported eviction signal/,
  );
  assert.throws(() => config({ evictionHard: { 'memory.available': 5 } }), /evictionHard.memory.available/);
  assert.throws(() => config({ evictionHart: {} }), /evictionHart: unknown field/);
});

test('the Pod that uses most beyond its request goes first, of equal priority', () => {
  const pods = [
    withMemory('within', '2Gi', 0),
    withMemory('important', '1Mi', 1000),
    withMemory('little-over', '900Mi', 0),
    withMemory('much-over', '100Mi', 0),
  ];
  const stats = new Map(pods.map((pod) => [pod, podStats(pod, GIB)]));
  const order = rankForEviction(pods, (pod) => stats.get(pod), 'memory.available', false);
  assert.deepEqual(
    order.map(({ metadata }) => metadata.name),
    ['much-over', 'little-over', 'important', 'within'],
  );
});

test('with images on their own disk, each disk is judged by what lies on it', () => {
  const [logs, layers] = [testPod('logs', {}), testPod('layers', {})];
  const fs = (usedBytes: number) => ({ time, usedBytes });
  const of = (pod: Pod, rootBytes: number, logBytes: number) =>
    podStats(pod, 0, { containers: [{ name: 'main', startTime: time, rootfs: fs(rootBytes), logs: fs(logBytes) }] });
  const stats = new Map([
    [logs, of(logs, 1, 100)],
    [layers, of(layers, 90, 1)],
  ]);
  const first = (signal: 'nodefs.available' | 'imagefs.available', dedicated: boolean) =>
    rankForEviction([layers, logs], (pod) => stats.get(pod), signal, dedicated)[0]?.metadata.name;
  assert.equal(first('nodefs.available', true), 'logs');
  assert.equal(first('imagefs.available', true), 'layers');
  assert.equal(first('imagefs.available', false), 'logs');
});

function manager(pods: readonly Pod[], stats: readonly PodStats[], given: object = {}, onReclaim?: () => Room) {
  let room: Room = {};
  const events: string[] = [];
  const evicted = new Map<string, EvictionVerdict>();
  const clock = createVirtualClock(async () => {});
  const provider: StatsProvider = {
    node: async () => nodeWith(room),
    pods: async ({ only = () => true }) =>
      stats.filter(({ podRef }) => pods.some((pod) => pod.metadata.uid === podRef.uid && only(pod))),
    summary: async () => ({ node: nodeWith(room), pods: stats }),
    claims: () => [],
    hasDedicatedImageFs: async () => false,
  };
  const eviction = createEvictionManager({
    config: { ...KUBELET_CONFIG_DEFAULTS, ...config(given) },
    stats: provider,
    recorder: {
      event: (about, _type, reason, message) => void events.push(`${about.metadata.name} ${reason} ${message}`),
    },
    subject: { kind: 'Node', apiVersion: 'v1', metadata: { name: 'node-1', uid: 'node-1' } },
    candidates: () =>
      pods
        .filter(({ metadata }) => !evicted.has(metadata.name))
        .map((pod) => ({
          pod,
          evict: (verdict) => void evicted.set(pod.metadata.name, verdict),
          isCleanedUp: () => true,
        })),
    async reclaimDisk() {
      if (onReclaim !== undefined) room = onReclaim();
    },
  });
  const ctx: Ctx = {
    signal: new AbortController().signal,
    log: silentLogger,
    clock,
    random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
  };
  const check = async (now: Room) => {
    room = now;
    return (await eviction.check(ctx)).map(({ pod }) => pod.metadata.name);
  };
  return { check, events, evicted, eviction, clock };
}

test('short of memory, one Pod goes, with upstream’s words; critical ones stay', async () => {
  const greedy = withMemory('greedy', '100Mi', 0);
  const critical = withMemory('critical', undefined, 2_000_001_000);
  const node = manager([greedy, critical], [podStats(greedy, 300 * MIB), podStats(critical, GIB)]);
  assert.deepEqual(await node.check({}), []);
  assert.deepEqual(await node.check({ memory: 50 * MIB }), ['greedy']);
  const message =
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
    'Container main was using 300Mi, request is 100Mi, has larger consumption of memory. ';
  assert.deepEqual(node.evicted.get('greedy'), { reason: 'Evicted', message, graceSeconds: 1, disruption: true });
  assert.deepEqual(node.events, [
    'node-1 EvictionThresholdMet Attempting to reclaim memory',
    `greedy Evicted ${message}`,
  ]);
  assert.deepEqual(await node.check({ memory: 50 * MIB }), []);
});

test('a soft eviction grants the grace period that the administrator allows', async () => {
  const pod = testPod('app', { terminationGracePeriodSeconds: 20 });
  const node = manager([pod], [podStats(pod, MIB)], {
    evictionHard: {},
    evictionSoft: { 'memory.available': '1Gi' },
    evictionSoftGracePeriod: { 'memory.available': '0s' },
    evictionMaxPodGracePeriod: 60,
  });
  await node.check({ memory: 10 * MIB });
  assert.equal(node.evicted.get('app')?.graceSeconds, 1); // no grace period at all is a hard threshold
  const later = manager([pod], [podStats(pod, MIB)], {
    evictionHard: {},
    evictionSoft: { 'memory.available': '1Gi' },
    evictionSoftGracePeriod: { 'memory.available': '10s' },
    evictionMaxPodGracePeriod: 60,
  });
  await later.check({ memory: 10 * MIB });
  await later.clock.advance(10_000);
  await later.check({ memory: 10 * MIB });
  assert.equal(later.evicted.get('app')?.graceSeconds, 20);
});

test('images that nobody needs go before any Pod', async () => {
  const pod = testPod('app', {});
  const enough = manager([pod], [podStats(pod, 0)], {}, () => ({ disk: 50 * GIB }));
  assert.deepEqual(await enough.check({ disk: GIB }), []);
  const tooLittle = manager([pod], [podStats(pod, 0)], {}, () => ({ disk: 2 * GIB }));
  assert.deepEqual(await tooLittle.check({ disk: GIB }), ['app']);
});

test('under memory pressure best-effort Pods are refused unless they tolerate it; under any other, all', async () => {
  const node = manager([], []);
  assert.equal(node.eviction.judge(testPod('app', {})), undefined);
  await node.check({ memory: MIB });
  assert.equal(node.eviction.judge(testPod('app', {})), 'The node had condition: [MemoryPressure]. ');
  assert.equal(node.eviction.judge(withMemory('burstable', '1Mi', 0)), undefined);
  const tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' as const }];
  assert.equal(node.eviction.judge(testPod('tolerant', { tolerations })), undefined);
  await node.check({ disk: MIB });
  assert.match(node.eviction.judge(withMemory('burstable', '1Mi', 0)) ?? '', /MemoryPressure DiskPressure/);
  assert.equal(node.eviction.judge(withMemory('critical', undefined, 2_000_000_000)), undefined);
});

test('limits on local storage hold on a node with room', async () => {
  const fs = (usedBytes: number) => ({ time, usedBytes });
  const limited = (name: string, spec: Partial<PodSpec>) => testPod(name, spec);
  const scratch = limited('scratch', { volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '1024Ki' } }] });
  const writer = limited('writer', {
    containers: [{ name: 'main', image: 'app:1', resources: { limits: { 'ephemeral-storage': '10Mi' } } }],
  });
  const both = limited('both', {
    containers: [
      { name: 'main', image: 'app:1', resources: { limits: { 'ephemeral-storage': '10Mi' } } },
      { name: 'other', image: 'app:1', resources: { limits: { 'ephemeral-storage': '90Mi' } } },
    ],
  });
  const quiet = limited('quiet', { volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '4Mi' } }] });
  const node = manager(
    [scratch, writer, both, quiet],
    [
      podStats(scratch, 0, { volume: [{ name: 'tmp', time, usedBytes: 2 * MIB }] }),
      podStats(writer, 0, { 'ephemeral-storage': fs(11 * MIB) }),
      podStats(both, 0, {
        containers: [{ name: 'main', startTime: time, rootfs: fs(8 * MIB), logs: fs(3 * MIB) }],
        'ephemeral-storage': fs(11 * MIB),
      }),
      podStats(quiet, 0, { volume: [{ name: 'tmp', time, usedBytes: 3 * MIB }] }),
    ],
  );
  assert.deepEqual(await node.check({}), ['scratch', 'writer', 'both']);
  assert.equal(node.evicted.get('scratch')?.message, 'Usage of EmptyDir volume "tmp" exceeds the limit "1Mi". ');
  assert.equal(
    node.evicted.get('writer')?.message,
    'Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ',
  );
  assert.equal(node.evicted.get('both')?.message, 'Container main exceeded its local ephemeral storage limit "10Mi". ');
});

test('the kernel killed a process of the system, not of a container', () => {
  const line = (group: string) =>
    '6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,' +
    `task_memcg=${group},task=sshd,pid=77,uid=0`;
  const oom = parseSystemOom(line('/'));
  assert.equal(oom && systemOomMessage(oom), 'System OOM encountered, victim process: sshd, pid: 77');
  assert.equal(parseSystemOom(line('/kubepods/pod1/c1')), undefined);
  assert.equal(parseSystemOom('6,1,2,-;eth0: link up'), undefined);
});
