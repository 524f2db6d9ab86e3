/** Devices for Pods: counted, given once, kept over restarts, given back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '@kapella/api/types/core-v1';
import { type Ctx, silentLogger } from '@kapella/base';
import { createMemoryFiles } from '../host/memory-files.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { createVirtualClock } from '../testing/virtual-clock.test-support.ts';
import type { TopologyPolicy } from '../topology/hints.ts';
import { createTopologyManager } from '../topology/topology-manager.ts';
import {
  createDeviceManager,
  type DevicePluginClient,
  isExtendedResource,
  type PluginDevice,
} from './device-manager.ts';
import { byAffinity } from './device-places.ts';

const GPU = 'vendor.com/gpu';
const clock = createVirtualClock(async () => {});
const ctx: Ctx = {
  signal: new AbortController().signal,
  log: silentLogger,
  clock,
  random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
};
const container = (name: string, gpus: number, more: Partial<Container> = {}): Container => ({
  name,
  image: 'app:1',
  resources: { limits: { [GPU]: String(gpus) } },
  ...more,
});

function plugin(more: Partial<DevicePluginClient> = {}) {
  const calls: string[] = [];
  let tell: (devices: readonly PluginDevice[]) => void = () => {};
  let leave: () => void = () => {};
  const client: DevicePluginClient = {
    preStartRequired: true,
    hasPreference: false,
    watch(onDevices) {
      tell = onDevices;
      return new Promise((resolve) => (leave = resolve));
    },
    preferred: async (available) => available,
    async allocate(ids) {
      calls.push(`allocate ${ids.join()}`);
      return { envs: { GPUS: ids.join() }, cdiDevices: ids.map((id) => `vendor.com/gpu=${id}`) };
    },
    preStart: async (ids) => void calls.push(`preStart ${ids.join()}`),
    close: () => {},
    ...more,
  };
  return {
    client,
    calls,
    /** `a` is well, `b!` is not, `c@1` is near NUMA node 1. */
    has: (...words: string[]) => tell(words.map(deviceOf)),
    leave: () => leave(),
  };
}

function deviceOf(word: string): PluginDevice {
  const [id = '', place] = word.replace('!', '').split('@');
  return { id, healthy: !word.includes('!'), nodes: place === undefined ? [] : [Number(place)] };
}

async function node(files = createMemoryFiles(), policy: TopologyPolicy = 'none') {
  let changes = 0;
  const onChange = () => void changes++;
  let told: readonly string[] = [];
  const onHealth = (podUids: readonly string[]) => {
    told = podUids;
  };
  const devices = await createDeviceManager({ files, dir: '/devices', numaNodes: [0, 1], onChange, onHealth });
  const nodes = [0, 1].map((id) => ({ id, distances: [10, 20] }));
  const { admit } = createTopologyManager({ policy, scope: 'container', options: {}, nodes }, [devices]);
  return { manager: Object.assign(devices, { admit }), files, changes: () => changes, told: () => told };
}

test('capacity is what the plugin has, allocatable what of it is healthy; without the plugin none', async () => {
  const { manager, changes } = await node();
  const gpu = plugin();
  manager.add(GPU, gpu.client, ctx);
  gpu.has('a', 'b', 'c!');
  assert.deepEqual(manager.amounts(0).get(GPU), { capacity: 3, allocatable: 2 });
  assert.equal(changes(), 1);
  gpu.leave();
  await Promise.resolve();
  await Promise.resolve();
  const goneMs = clock.nowMs();
  assert.deepEqual(manager.amounts(goneMs).get(GPU), { capacity: 3, allocatable: 0 });
  assert.deepEqual(manager.amounts(goneMs + 300_000).get(GPU), { capacity: 0, allocatable: 0 });
});

test('no device is given twice; one that is given back is given again', async () => {
  const { manager } = await node();
  const gpu = plugin();
  manager.add(GPU, gpu.client, ctx);
  gpu.has('a', 'b', 'c!');
  const [one, two, three] = ['one', 'two', 'three'].map((name) =>
    testPod(name, { containers: [container('main', 1)] }),
  );
  const answers = await Promise.all([one, two, three].map((pod) => manager.admit(pod as never, ctx)));
  assert.deepEqual(answers.slice(0, 2), [undefined, undefined]);
  assert.deepEqual(answers[2], {
    reason: 'UnexpectedAdmissionError',
    message:
      'Allocate failed due to requested number of devices unavailable for vendor.com/gpu. Requested: 1, Available: 0, ' +
      'which is unexpected',
  });
  await manager.release('uid-one', ctx);
  assert.equal(await manager.admit(three as never, ctx), undefined);
  assert.deepEqual(gpu.calls, ['allocate a', 'allocate b', 'allocate a']);
});

test('init containers hand their devices on; sidecars keep theirs', async () => {
  const { manager } = await node();
  const gpu = plugin();
  manager.add(GPU, gpu.client, ctx);
  gpu.has('a', 'b', 'c');
  const initContainers = [container('init', 2), container('side', 1, { restartPolicy: 'Always' })];
  const pod = testPod('web', { initContainers, containers: [container('main', 2)] });
  assert.equal(await manager.admit(pod, ctx), undefined);
  assert.deepEqual(gpu.calls, ['allocate a,b', 'allocate a', 'allocate b,c']);
  const grants = await manager.grantsOf(pod, { name: 'main' }, ctx);
  assert.deepEqual(grants.cdiDevices, ['vendor.com/gpu=b', 'vendor.com/gpu=c']);
  assert.equal(gpu.calls.at(-1), 'preStart b,c');
});

test('the plugin is asked for its preference when there is a choice', async () => {
  const { manager } = await node();
  const gpu = plugin({ hasPreference: true, preferred: async () => ['c', 'elsewhere'] });
  manager.add(GPU, gpu.client, ctx);
  gpu.has('a', 'b', 'c');
  assert.equal(await manager.admit(testPod('web', { containers: [container('main', 1)] }), ctx), undefined);
  assert.deepEqual(gpu.calls, ['allocate c']);
});

test('an agent that begins anew knows what Pods hold', async () => {
  const first = await node();
  const gpu = plugin();
  first.manager.add(GPU, gpu.client, ctx);
  gpu.has('a', 'b');
  const pod = testPod('web', { containers: [container('main', 1)] });
  await first.manager.admit(pod, ctx);
  const again = await node(first.files);
  assert.deepEqual(again.manager.amounts(0).get(GPU), { capacity: 0, allocatable: 0 });
  const next = plugin();
  again.manager.add(GPU, next.client, ctx);
  next.has('a', 'b');
  assert.equal(await again.manager.admit(pod, ctx), undefined);
  assert.equal(await again.manager.admit(testPod('other', { containers: [container('main', 1)] }), ctx), undefined);
  assert.deepEqual(next.calls, ['allocate b']);
  assert.deepEqual((await again.manager.grantsOf(pod, { name: 'main' }, ctx)).envs, { GPUS: 'a' });
});

test('the status of a container says how its devices are', async () => {
  const { manager, told } = await node();
  const gpu = plugin();
  manager.add(GPU, gpu.client, ctx);
  gpu.has('a', 'b');
  const pod = testPod('web', { containers: [container('main', 2)] });
  assert.equal(await manager.admit(pod, ctx), undefined);
  const health = () =>
    manager.healthOf?.(pod, { name: 'main' })[0]?.resources?.map((one) => `${one.resourceID} ${one.health}`);
  assert.deepEqual(health(), ['a Healthy', 'b Healthy']);
  gpu.has('a', 'b!');
  assert.deepEqual(health(), ['a Healthy', 'b Unhealthy']);
  assert.deepEqual(told(), ['uid-web']);
  assert.deepEqual(manager.healthOf?.(pod, { name: 'other' }), []);
});

test('aligned: devices come from one NUMA node while that has enough', async () => {
  const { manager } = await node(createMemoryFiles(), 'restricted');
  const gpu = plugin();
  manager.add(GPU, gpu.client, ctx);
  gpu.has('a@0', 'b@1', 'c@1', 'd@0', 'e@1');
  const asks = (name: string, count: number) => testPod(name, { containers: [container('main', count)] });
  assert.equal(await manager.admit(asks('one', 3), ctx), undefined);
  assert.deepEqual(gpu.calls, ['allocate b,c,e']);
  assert.equal(await manager.admit(asks('two', 1), ctx), undefined);
  assert.equal((await manager.admit(asks('three', 2), ctx))?.reason, 'TopologyAffinityError');
  assert.equal(await manager.admit(asks('four', 1), ctx), undefined);
  assert.deepEqual(gpu.calls.slice(1), ['allocate a', 'allocate d']);
});

test('without an alignment to be kept, those near the hint first, then others', () => {
  const devices = ['a@0', 'b@1', 'c', 'd@1', 'e@0', 'f@0'].map(deviceOf);
  assert.deepEqual(byAffinity(devices, 0b10), { near: ['b', 'd'], far: ['a', 'e', 'f', 'c'] });
  assert.deepEqual(byAffinity(devices, undefined), { near: [], far: ['a', 'b', 'c', 'd', 'e', 'f'] });
});

test('names of extended resources', () => {
  assert.ok(isExtendedResource(GPU));
  for (const name of ['cpu', 'requests.vendor.com/gpu', 'node.kubernetes.io/x', 'a/b/c', '/x'])
    assert.ok(!isExtendedResource(name), name);
});
