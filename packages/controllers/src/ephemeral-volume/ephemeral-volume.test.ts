/** Claims of ephemeral volumes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createHarness } from '../workload/harness.test-support.ts';
import { createEphemeralVolumeController } from './ephemeral-volume.controller.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default' },
  spec: {
    containers: [],
    volumes: [
      { name: 'tmp', emptyDir: {} },
      {
        name: 'data',
        ephemeral: {
          volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec: { accessModes: ['ReadWriteOnce'] } },
        },
      },
    ],
  },
};

test('a claim per ephemeral volume, owned by the Pod, made again when deleted', async () => {
  const t = createHarness();
  t.api.seed(pod);
  await t.start(createEphemeralVolumeController(t.deps));
  const claims = () => t.api.objects(coreV1.PersistentVolumeClaim);
  assert.deepEqual(
    claims().map(({ metadata }) => [metadata.name, metadata.labels?.a, metadata.ownerReferences?.[0]?.kind]),
    [['p-data', 'b', 'Pod']],
  );
  const uid = claims()[0]?.metadata.uid;
  await t.client.delete(coreV1.PersistentVolumeClaim, { namespace: 'default', name: 'p-data' }, t.ctx);
  await t.clock.settle();
  assert.notEqual(claims()[0]?.metadata.uid, uid);
  await t.stop();
});

test('a claim of this name that is not the Pods is left alone and told', async () => {
  const t = createHarness();
  t.api.seed(pod, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'p-data', namespace: 'default' },
    spec: {},
  });
  await t.start(createEphemeralVolumeController(t.deps));
  assert.deepEqual(t.told[0], {
    about: 'p',
    type: 'Warning',
    reason: 'FailedBinding',
    message: 'ephemeral volume data: PVC default/p-data was not created for pod default/p (pod is not owner)',
  });
  await t.stop();
});
