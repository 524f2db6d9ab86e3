/** Memory from NUMA nodes: one node where it fits, groups that stay groups, nothing given twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, silentLogger } from '@kapella/base';
import { createMemoryFiles } from '../host/memory-files.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { createVirtualClock } from '../testing/virtual-clock.test-support.ts';
import type { TopologyPolicy } from '../topology/hints.ts';
import { createTopologyManager } from '../topology/topology-manager.ts';
import { createMemoryManager, reservedByNode } from './memory-manager.ts';

const GI = 1024 ** 3;
const ctx: Ctx = {
  signal: new AbortController().signal,
  log: silentLogger,
  clock: createVirtualClock(async () => {}),
  random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
};
/** Two nodes of 11 Gi, of which 1 Gi each is huge pages; 1 Gi of the first is the system's. */
const nodes = [0, 1].map((id) => ({
  id,
  total: new Map([
    ['memory', 11 * GI],
    ['hugepages-2Mi', GI],
  ]),
  reserved: new Map(id === 0 ? [['memory', GI]] : []),
}));

async function node(policy: TopologyPolicy = 'none', files = createMemoryFiles()) {
  await files.mkdir('/data', 0o755);
  const memory = await createMemoryManager({ nodes, files, dir: '/data' });
  const numa = nodes.map(({ id }) => ({ id, distances: [10, 20] }));
  const { admit } = createTopologyManager({ policy, scope: 'container', options: {}, nodes: numa }, [memory]);
  const mems = async (pod: Pod, name = 'main') => (await memory.grantsOf(pod, { name }, ctx)).cpusetMems;
  return { memory, files, mems, admit: (pod: Pod) => admit(pod, ctx) };
}

const container = (name: string, gi: number, more: Record<string, string> = {}): Container => {
  const amounts = { cpu: '1', memory: `${gi}Gi`, ...more };
  return { name, image: 'app:1', resources: { limits: amounts, requests: amounts } };
};
const pod = (name: string, gi: number, more: Record<string, string> = {}) =>
  testPod(name, { containers: [container('main', gi, more)] });

test('a Pod has its memory from one node while one has enough; others are not told where', async () => {
  const { admit, mems } = await node();
  const [first, second, third] = [pod('a', 6), pod('b', 6), pod('c', 4)];
  for (const one of [first, second, third]) assert.equal(await admit(one), undefined);
  assert.deepEqual([await mems(first), await mems(second), await mems(third)], ['0', '1', '1']);
  const burstable = testPod('d', { containers: [{ name: 'main', resources: { requests: { memory: '1Gi' } } }] });
  assert.equal(await admit(burstable), undefined);
  assert.equal(await mems(burstable), undefined);
});

test('what needs both nodes takes both, as long as neither is used alone, and then they are a group', async () => {
  const { admit, mems, memory } = await node('restricted');
  const wide = pod('wide', 12);
  assert.equal(await admit(wide), undefined);
  assert.equal(await mems(wide), '0-1');
  assert.equal((await admit(pod('narrow', 2)))?.reason, 'TopologyAffinityError');
  await memory.release('uid-wide', ctx);
  assert.equal(await admit(pod('narrow', 2)), undefined);
  assert.equal((await admit(wide))?.reason, 'TopologyAffinityError');
});

test('huge pages come from the same node', async () => {
  const { admit, mems } = await node('single-numa-node');
  const huge = (name: string, size: string) => pod(name, 2, { 'hugepages-2Mi': size });
  const [one, two] = [huge('a', '1Gi'), huge('b', '512Mi')];
  assert.equal(await admit(one), undefined);
  assert.equal(await admit(two), undefined);
  assert.deepEqual([await mems(one), await mems(two)], ['0', '1']);
  assert.equal((await admit(huge('c', '1Gi')))?.reason, 'TopologyAffinityError');
});

test('without a policy, what there is not is refused in the words of upstream', async () => {
  const { admit, memory } = await node();
  assert.deepEqual(await admit(pod('a', 30)), {
    reason: 'UnexpectedAdmissionError',
    message:
      'Allocate failed due to [memorymanager] failed to get the default NUMA affinity, no NUMA nodes with enough memory ' +
      'is available, which is unexpected',
  });
  assert.deepEqual(memory.holders(), []);
});

test('an init container hands its memory on; an agent that begins anew knows what is given', async () => {
  const { admit, mems, files } = await node();
  const both = testPod('a', { initContainers: [container('init', 8)], containers: [container('main', 9)] });
  assert.equal(await admit(both), undefined);
  assert.deepEqual([await mems(both, 'init'), await mems(both)], ['0', '0']);
  const again = await node('none', files);
  assert.equal(await again.mems(both), '0');
  const next = pod('b', 9);
  assert.equal(await again.admit(next), undefined);
  assert.equal(await again.mems(next), '1');
  assert.match((await again.admit(pod('c', 2)))?.message ?? '', /no NUMA nodes with enough memory/);
});

test('reserved memory by node is all that is reserved', () => {
  const given = [{ numaNode: 0, limits: { memory: '1Gi' } }];
  assert.equal(reservedByNode(given, GI).get(0)?.get('memory'), GI);
  assert.throws(
    () => reservedByNode(given, GI + 1),
    /is not equal to the value "1073741825" determined by Node Allocatable/,
  );
  assert.throws(() => reservedByNode([], GI), /you should specify the system reserved memory/);
});
