/** Processors for containers: whole cores together, nobody's twice, the shared pool follows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Container } from '@kapella/api/types/core-v1';
import { type Ctx, silentLogger } from '@kapella/base';
import { createMemoryFiles } from '../host/memory-files.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { createVirtualClock } from '../testing/virtual-clock.test-support.ts';
import { createTopologyManager, type TopologySettings } from '../topology/topology-manager.ts';
import { createCpuManager, reservedCpus } from './cpu-manager.ts';
import { checkCpuOptions, type CpuOptions, NO_CPU_OPTIONS, parseCpuOptions } from './cpu-options.ts';
import { formatCpuSet, parseCpuSet } from './cpu-set.ts';
import { takeCpus } from './take-cpus.ts';
import type { Topology } from './topology.ts';

/** Two sockets of four cores of two threads, numbered as Linux does: all first threads, then all second ones. */
const topology: Topology = Array.from({ length: 16 }, (_, id) => ({
  ...{ id, core: id % 4, socket: Math.floor((id % 8) / 4), numaNode: Math.floor((id % 8) / 4) },
  uncoreCache: Math.floor((id % 8) / 2),
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

interface NodeOptions extends Partial<CpuOptions> {
  readonly reserved?: ReadonlySet<number>;
  readonly files?: ReturnType<typeof createMemoryFiles>;
  readonly policy?: TopologySettings['policy'];
  readonly scope?: TopologySettings['scope'];
}

async function node(given: NodeOptions = {}) {
  const { reserved = new Set([0]), files = createMemoryFiles(), policy = 'none', scope = 'container', ...more } = given;
  const sets: string[] = [];
  await files.mkdir('/data', 0o755);
  const cpus = await createCpuManager({
    ...{ topology, files, dir: '/data', reserved },
    options: { ...NO_CPU_OPTIONS, ...more },
    running: () => [{ id: 'c-shared', podUid: 'other', name: 'main' }],
    setCpus: async (id, list) => void sets.push(`${id} ${list}`),
  });
  const nodes = [0, 1].map((id) => ({ id, distances: [10, 20] }));
  const { admit } = createTopologyManager({ policy, scope, options: {}, nodes }, [cpus]);
  return { manager: Object.assign(cpus, { admit }), sets, files };
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
  const again = await node({ files });
  assert.equal(again.manager.exclusiveCpus('uid-a', 'main'), '1,9');
  await again.manager.admit(testPod('b', { containers: [guaranteed('main', '2')] }), ctx);
  assert.equal(again.manager.exclusiveCpus('uid-b', 'main'), '3,11');
});

test('what is reserved: by list, else by amount, never nothing', () => {
  assert.deepEqual([...reservedCpus(topology, '2-3', 0)], [2, 3]);
  assert.deepEqual([...reservedCpus(topology, '', 1500)], [0, 8]);
  assert.throws(() => reservedCpus(topology, '', 0), /greater than zero/);
});

const cpusOf = (list: string) => [...parseCpuSet(list)];
const numaOf = (list: string) => [...new Set(cpusOf(list).map((id) => topology[id]?.numaNode))];

test('threads spread over cores, and processors over NUMA nodes, where wanted', () => {
  const all = new Set(topology.map(({ id }) => id));
  const take = (count: number, options: object) => formatCpuSet(takeCpus(topology, all, count, options) ?? []);
  assert.equal(take(4, { spreadCores: true }), '0-3');
  assert.equal(take(10, { spreadNumaBy: 1 }), '0-2,4-6,8-9,12-13');
  assert.equal(take(12, { spreadNumaBy: 2 }), '0-2,4-6,8-10,12-14');
  assert.equal(take(4, { spreadNumaBy: 1 }), '0-1,8-9');
  assert.equal(take(11, { spreadNumaBy: 2 }), take(11, {}));
});

test('a shared cache is filled before the next one is begun, where wanted', () => {
  const free = new Set(topology.map(({ id }) => id).filter((id) => id !== 0));
  const take = (count: number, alignUncoreCache: boolean) =>
    formatCpuSet(takeCpus(topology, free, count, { alignUncoreCache }) ?? []);
  assert.equal(take(4, true), '2-3,10-11');
  assert.equal(take(4, false), '1-2,9-10');
  assert.equal(take(2, true), '1,9');
});

test('evenly or packed, it is as many as asked for, all of them free, if there are that many', () => {
  const options = fc.record({
    spreadCores: fc.boolean(),
    alignUncoreCache: fc.boolean(),
    spreadNumaBy: fc.constantFrom(undefined, 1, 2),
  });
  const choice = fc.tuple(fc.uniqueArray(fc.nat(15)), fc.nat(16), options);
  fc.assert(
    fc.property(choice, ([free, count, { spreadNumaBy, ...rest }]) => {
      const taken = takeCpus(
        topology,
        new Set(free),
        count,
        spreadNumaBy === undefined ? rest : { ...rest, spreadNumaBy },
      );
      if (count > free.length) return taken === undefined;
      return taken?.length === count && new Set(taken).size === count && taken.every((id) => free.includes(id));
    }),
  );
});

test('aligned: a container stays within one NUMA node while that has room, and is refused when none has', async () => {
  const { manager } = await node({ policy: 'single-numa-node' });
  const pod = (name: string, cpu: string) => testPod(name, { containers: [guaranteed('main', cpu)] });
  assert.equal(await manager.admit(pod('a', '6'), ctx), undefined);
  assert.equal(await manager.admit(pod('b', '6'), ctx), undefined);
  for (const uid of ['uid-a', 'uid-b']) assert.equal(numaOf(manager.exclusiveCpus(uid, 'main')).length, 1);
  assert.deepEqual(await manager.admit(pod('c', '3'), ctx), {
    reason: 'TopologyAffinityError',
    message: 'Resources cannot be allocated with Topology locality',
  });
  assert.deepEqual(manager.holders().toSorted(), ['uid-a', 'uid-b']);
  const lax = await node({ policy: 'best-effort' });
  for (const name of ['a', 'b']) assert.equal(await lax.manager.admit(pod(name, '6'), ctx), undefined);
  assert.equal(await lax.manager.admit(pod('c', '3'), ctx), undefined);
});

test('the scope of a Pod keeps its containers together; that of containers does not', async () => {
  const pod = testPod('a', { containers: [guaranteed('one', '5'), guaranteed('two', '5')] });
  const refused = await (await node({ policy: 'single-numa-node', scope: 'pod' })).manager.admit(pod, ctx);
  assert.equal(refused?.reason, 'TopologyAffinityError');
  const { manager } = await node({ policy: 'single-numa-node', scope: 'container' });
  assert.equal(await manager.admit(pod, ctx), undefined);
  assert.notDeepEqual(numaOf(manager.exclusiveCpus('uid-a', 'one')), numaOf(manager.exclusiveCpus('uid-a', 'two')));
  const small = testPod('b', { containers: [guaranteed('one', '2'), guaranteed('two', '2')] });
  const together = (await node({ policy: 'restricted', scope: 'pod' })).manager;
  assert.equal(await together.admit(small, ctx), undefined);
  assert.deepEqual(numaOf(together.exclusiveCpus('uid-b', 'one')), numaOf(together.exclusiveCpus('uid-b', 'two')));
});

test('whole cores only: neighbours of reserved threads are not given away', async () => {
  const { manager } = await node({ fullPcpusOnly: true });
  assert.equal(await manager.admit(testPod('a', { containers: [guaranteed('main', '14')] }), ctx), undefined);
  assert.equal(manager.exclusiveCpus('uid-a', 'main'), '1-7,9-15');
  const refused = await manager.admit(testPod('b', { containers: [guaranteed('main', '2')] }), ctx);
  assert.match(
    refused?.message ?? '',
    /not enough free physical CPUs: available physical CPUs = 0, requested CPUs = 2/,
  );
});

test('options are those of upstream; some do not go together, some not with the machine', () => {
  assert.equal(parseCpuOptions({ 'align-by-socket': 'true' }).alignBySocket, true);
  assert.throws(() => parseCpuOptions({ 'half-pcpus': 'true' }), /unknown CPU Manager Policy option: "half-pcpus"/);
  assert.throws(() => parseCpuOptions({ 'full-pcpus-only': 'maybe' }), /bad value for option "full-pcpus-only"/);
  const both = { 'full-pcpus-only': 'true', 'distribute-cpus-across-cores': 'true' };
  assert.throws(() => parseCpuOptions(both), /can not be used at the same time/);
  const aligned = { ...NO_CPU_OPTIONS, alignBySocket: true };
  assert.throws(() => checkCpuOptions(aligned, topology, 'single-numa-node'), /incompatible/);
  const oneNode = topology.map((cpu) => ({ ...cpu, numaNode: 0 }));
  assert.throws(() => checkCpuOptions(aligned, oneNode, 'restricted'), /more sockets than NUMA nodes/);
});
