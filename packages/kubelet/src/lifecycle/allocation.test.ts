/** What a Pod has while it asks for something else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testPod } from '../testing/test-node.test-support.ts';
import { allocationOf, initialAllocation, judgeResize, withAllocation } from './allocation.ts';

const ROOM = { cpuMilli: 4000, memoryBytes: 1024, ephemeralBytes: 0, podsMax: 3 };
const asks = (name: string, cpu: string, status = {}) => {
  const pod = testPod(name, { containers: [{ name: 'main', resources: { requests: { cpu } } }] });
  return { ...pod, status: { ...pod.status, ...status } };
};

test('the Pod shows what it was given; without a difference it is the same object', () => {
  const [small, large] = [asks('a', '1'), asks('a', '2')];
  const given = withAllocation(large, allocationOf(small));
  assert.deepEqual(given.spec.containers[0]?.resources, { requests: { cpu: '1' } });
  assert.equal(given.spec.containers[0]?.image, 'app:1');
  assert.equal(withAllocation(large, allocationOf(asks('b', '2'))), large);
});

test('what others use defers a resize, what the node never had makes it infeasible', () => {
  const others = [asks('b', '3')];
  assert.equal(judgeResize(asks('a', '1'), others, ROOM), undefined);
  assert.deepEqual(judgeResize(asks('a', '2'), others, ROOM), {
    reason: 'Deferred',
    message: "Node didn't have enough resource: cpu, requested: 2000, used: 3000, capacity: 4000",
  });
  assert.deepEqual(judgeResize(asks('a', '5'), others, ROOM), {
    reason: 'Infeasible',
    message: "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000",
  });
});

test('an agent that begins anew takes the spec, or what was reported while a resize is pending', () => {
  const main = (pod: ReturnType<typeof asks>) => initialAllocation(pod).containers.get('main');
  const containerStatuses = [
    { name: 'main', resources: { requests: { cpu: '1' } }, ready: true, restartCount: 0, image: '', imageID: '' },
  ];
  assert.deepEqual(main(asks('a', '2', { containerStatuses })), { requests: { cpu: '2' } });
  const conditions = [{ type: 'PodResizePending', status: 'True' }];
  assert.deepEqual(main(asks('a', '2', { containerStatuses, conditions })), { requests: { cpu: '1' } });
});
