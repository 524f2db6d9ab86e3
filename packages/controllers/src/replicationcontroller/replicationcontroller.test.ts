/** A ReplicationController is a ReplicaSet with a plain selector. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createHarness } from '../workload/harness.test-support.ts';
import { createReplicationControllerController } from './replicationcontroller.controller.ts';

test('keeps so many Pods, selects by a plain map, adopts', async () => {
  const t = createHarness();
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const metadata = { name: 'rc', namespace: 'default' };
  t.api.seed({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata,
    spec: { replicas: 3, selector: { app: 'x' }, template },
  });
  t.api.seed({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'orphan', namespace: 'default', labels: { app: 'x' } },
    spec: { containers: [] },
  });
  await t.start(createReplicationControllerController(t.deps));
  assert.equal(t.pods().length, 3);
  assert.deepEqual(
    t.podOf('orphan').metadata.ownerReferences?.map((ref) => [ref.apiVersion, ref.kind]),
    [['v1', 'ReplicationController']],
  );
  const status = () => t.api.objects(coreV1.ReplicationController)[0]?.status;
  assert.equal(status()?.replicas, 3);
  await t.run('orphan');
  assert.equal(status()?.readyReplicas, 1);
  await t.client.patch(
    coreV1.ReplicationController,
    { namespace: 'default', name: 'rc' },
    { type: 'merge', body: { spec: { replicas: 1 } } },
    t.ctx,
  );
  await t.clock.settle();
  assert.deepEqual(t.podNames(), ['orphan']);
  await t.stop();
});
