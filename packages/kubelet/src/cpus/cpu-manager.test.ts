/** Processors for containers: whole cores together, nobody's twice, the shared pool follows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Container } from '@kapella/api/types/core-v1';
import { type Ctx, silentLogger } from '@kapella/base';
import { createMemoryFiles } from '../host/memory-files.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { createVirtualClock } from '../testing/virtual-clock.test-support.ts';
import { createCpuManager, type CpuManagerOptions, reservedCpus } from './cpu-manager.ts';
import { formatCpuSet, parseCpuSet } from './cpu-set.ts';
import { takeCpus, type Topology } from './topology.ts';

/** Two sockets of four cores of two threads, numbered as Linux does: all first threads, then all second ones. */
const topology: Topology = Array.from({ length: 16 }, (_, id) => ({
  ...{ id, core: id % 4, socket: Math.floor((id % 8) / 4), numaNode: Math.floor((id % 8) / 4) },
}));
const ctx: Ctx = {
  signal: new AbortController().signal,
  log: silentLogger,
  clock: createVirtualClock(async () => {}),
  random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
};

test('sets are read and written as the kernel does', () => {
  assert.equal(formatCpuSet(parseCpuSet('3,0-1, 7-8')), '0-1,3,7-8');
  assert.equal(formatCpuSet([]), '');
  assert.throws(() => parseCpuSet('3-1'), /no list of processors/);
  assert.throws(() => parseCpuSet('a'), /no list of processors/);
  const sets = fc.uniqueArray(fc.nat(200));
  fc.assert(
    fc.property(sets, (ids) =>
      assert.deepEqual(
        [...parseCpuSet(formatCpuSet(ids))],
        ids.sort((a, b) => a - b),
      ),
    ),
  );
});

test('whole sockets, whole cores, then threads of cores that are broken already', () => {
  const all = new Set(topology.map(({ id }) => id));
  assert.equal(formatCpuSet(takeCpus(topology, all, 8) ?? []), '0-3,8-11');
  assert.equal(formatCpuSet(takeCpus(topology, all, 2) ?? []), '0,8');
  const broken = new Set([...all].filter((id) => id !== 5));
  assert.equal(formatCpuSet(takeCpus(topology, broken, 1) ?? []), '13');
  assert.equal(takeCpus(topology, new Set([1]), 2), undefined);
});

test('as many as asked for, all of them free', () => {
  const choice = fc.tuple(fc.uniqueArray(fc.nat(15)), fc.nat(16));
  fc.assert(
    fc.property(choice, ([free, count]) => {
      const taken = takeCpus(topology, new Set(free), count);
      if (count > free.length) return taken === undefined;
      return taken?.length === count && new Set(taken).size === count && taken.every((id) => free.includes(id));
    }),
  );
});

const guaranteed = (name: string, cpu: string, more: Partial<Container> = {}): Container => ({
  name,
  image: 'app:1',
  resources: { limits: { cpu, memory: '1Gi' }, requests: { cpu, memory: '1Gi' } },
  ...more,
});

async function node(more: Partial<CpuManagerOptions> = {}, files = createMemoryFiles()) {
  const sets: string[] = [];
  await files.mkdir('/data', 0o755);
  const manager = await createCpuManager({
    ...{ topology, files, dir: '/data' },
    options: { reserved: new Set([0]), fullPcpusOnly: false, strictReservation: false, ...more },
    running: () => [{ id: 'c-shared', podUid: 'other', name: 'main' }],
    setCpus: async (id, cpus) => void sets.push(`${id} ${cpus}`),
  });
  return { manager, sets, files };
}

test('a Guaranteed container with whole processors has them alone; all others share the rest', async () => {
  const { manager, sets } = await node();
  const pod = testPod('a', { containers: [guaranteed('main', '2'), guaranteed('half', '500m')] });
  assert.equal(await manager.admit(pod, ctx), undefined);
  assert.deepEqual(await manager.grantsOf(pod, { name: 'main' } as Container, ctx), { cpusetCpus: '1,9' });
  assert.deepEqual(await manager.grantsOf(pod, { name: 'half' } as Container, ctx), { cpusetCpus: '0,2-8,10-15' });
  assert.deepEqual(sets, ['c-shared 0,2-8,10-15']);
  await manager.release('uid-a', ctx);
  assert.deepEqual(sets.at(-1), 'c-shared 0-15');
});

test('what there is not is refused; reserved ones are never given away', async () => {
  const { manager } = await node({ reserved: new Set([0, 8]) });
  assert.equal(await manager.admit(testPod('a', { containers: [guaranteed('main', '14')] }), ctx), undefined);
  assert.equal(manager.sharedCpus(), '0,8');
  const refused = await manager.admit(testPod('b', { containers: [guaranteed('main', '1')] }), ctx);
  assert.match(refused?.message ?? '', /not enough cpus available to satisfy request: requested=1, available=0/);
  assert.equal(manager.exclusiveCpus('uid-b', 'main'), '');
});

test('whole cores only, and a pool without the reserved ones, where wanted', async () => {
  const { manager } = await node({ fullPcpusOnly: true, strictReservation: true });
  const refused = await manager.admit(testPod('a', { containers: [guaranteed('main', '3')] }), ctx);
  assert.deepEqual(refused, {
    reason: 'SMTAlignmentError',
    message: 'SMT Alignment Error: requested 3 cpus not multiple cpus per core = 2',
  });
  assert.equal(manager.sharedCpus(), '1-15');
});

test('an init container hands its processors on; an agent that begins anew knows them', async () => {
  const { manager, files } = await node();
  const pod = testPod('a', { initContainers: [guaranteed('init', '4')], containers: [guaranteed('main', '2')] });
  await manager.admit(pod, ctx);
  assert.equal(manager.exclusiveCpus('uid-a', 'init'), '1-2,9-10');
  assert.equal(manager.exclusiveCpus('uid-a', 'main'), '1,9');
  const again = await node({}, files);
  assert.equal(again.manager.exclusiveCpus('uid-a', 'main'), '1,9');
  await again.manager.admit(testPod('b', { containers: [guaranteed('main', '2')] }), ctx);
  assert.equal(again.manager.exclusiveCpus('uid-b', 'main'), '3,11');
});

test('what is reserved: by list, else by amount, never nothing', () => {
  assert.deepEqual([...reservedCpus(topology, '2-3', 0)], [2, 3]);
  assert.deepEqual([...reservedCpus(topology, '', 1500)], [0, 8]);
  assert.throws(() => reservedCpus(topology, '', 0), /greater than zero/);
});
