/** The tree of control groups: names by class, limits of whole Pods, weights of classes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testPod } from '../testing/test-node.test-support.ts';
import { createMemoryCgroups, createPodCgroups } from './cgroups.ts';
import { sharesToWeight } from './node/drivers.ts';

const pod = (name: string, qosClass: 'Guaranteed' | 'Burstable' | 'BestEffort', requests: object, limits: object) => {
  const made = testPod(name, { containers: [{ name: 'main', resources: { requests, limits } as never }] });
  return { ...made, status: { qosClass } };
};

test('each class has its place; the burstable group weighs what its Pods ask for', async () => {
  const driver = createMemoryCgroups();
  const cgroups = createPodCgroups(driver, { root: '/k/kubepods', nodeCpuMilli: 2000, podPidsMax: 100 });
  await cgroups.setUp();
  const one = pod('one', 'Burstable', { cpu: '500m', memory: '1Mi' }, { memory: '8Mi' });
  const two = pod('two', 'Burstable', { cpu: '250m' }, {});
  const three = pod('three', 'Guaranteed', { cpu: '1', memory: '1Gi' }, { cpu: '1', memory: '1Gi' });
  for (const each of [one, two, three]) await cgroups.ensure(each);
  assert.equal(cgroups.parentOf(one), '/k/kubepods/burstable/poduid-one');
  assert.equal(cgroups.parentOf(three), '/k/kubepods/poduid-three');
  assert.deepEqual(driver.groups.get('/k/kubepods/burstable/poduid-one'), {
    cpuShares: 512,
    memoryBytes: 8 * 1024 * 1024,
    pidsMax: 100,
  });
  assert.deepEqual(driver.groups.get('/k/kubepods/poduid-three'), {
    cpuShares: 1024,
    cpuQuotaUs: 100_000,
    memoryBytes: 2 ** 30,
    pidsMax: 100,
  });
  assert.equal(driver.groups.get('/k/kubepods/burstable')?.cpuShares, 768);
  assert.deepEqual([...(await cgroups.uids())].sort(), ['uid-one', 'uid-three', 'uid-two']);
  await cgroups.remove(two);
  assert.equal(driver.groups.get('/k/kubepods/burstable')?.cpuShares, 512);
  await cgroups.removeUid('uid-one');
  assert.deepEqual([...(await cgroups.uids())], ['uid-three']);
});

test('weights of v2', () => {
  assert.deepEqual([2, 1024, 262_144].map(sharesToWeight), [1, 39, 10_000]);
});
