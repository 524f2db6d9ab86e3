/** What Pods were given outlives the agent. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { createMemoryFiles } from '../host/memory-files.ts';
import { allocationOf } from '../lifecycle/allocation.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { createAllocationStore } from './allocation-store.ts';

const PATH = '/data/allocated_pods_state';
const ctx: Ctx = {
  ...{ signal: new AbortController().signal, log: silentLogger, clock: createVirtualClock() },
  random: { float: () => 0, bytes: (n) => new Uint8Array(n), uuid: () => '' },
};
const given = (cpu: string) =>
  allocationOf(testPod('a', { containers: [{ name: 'main', resources: { requests: { cpu } } }, { name: 'side' }] }));
const settled = async () => {
  for (let i = 0; i < 20; i++) await setImmediate();
};

test('kept, changed, dropped and pruned; a Pod without resources takes no place', async () => {
  const files = createMemoryFiles();
  await files.mkdir('/data', 0o755);
  const store = await createAllocationStore(files, PATH, ctx);
  store.keep('one', given('1'));
  store.keep('two', given('1'));
  store.keep('three', given('3'));
  store.keep('bare', allocationOf(testPod('bare', {})));
  store.keep('one', given('2'));
  store.drop('two');
  await settled();
  const again = await createAllocationStore(files, PATH, ctx);
  assert.deepEqual(again.of('one'), given('2'));
  assert.deepEqual(again.of('three'), given('3'));
  assert.deepEqual([again.of('two'), again.of('bare')], [undefined, undefined]);
  again.prune((uid) => uid === 'one');
  await settled();
  const last = await createAllocationStore(files, PATH, ctx);
  assert.deepEqual([last.of('one') !== undefined, last.of('three')], [true, undefined]);
});

test('a file that cannot be read is as none', async () => {
  const files = createMemoryFiles();
  await files.mkdir('/data', 0o755);
  await files.write(PATH, '{', 0o600);
  const store = await createAllocationStore(files, PATH, ctx);
  assert.equal(store.of('one'), undefined);
});
