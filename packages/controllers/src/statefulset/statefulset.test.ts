/** StatefulSets over an API in memory: order, revisions, claims, status; and the plan for itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appsV1, coreV1 } from '@kapella/api';
import type { StatefulSet } from '@kapella/api/types/apps-v1';
import { createHarness } from '../workload/harness.test-support.ts';
import { createStatefulSetController } from './statefulset.controller.ts';

const setOf = (spec: object = {}): StatefulSet =>
  ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      serviceName: 'svc',
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      podManagementPolicy: 'OrderedReady',
      revisionHistoryLimit: 1,
      ...spec,
    },
  }) as never;

async function begin(spec: object = {}) {
  const harness = createHarness();
  const { api, client, ctx, clock } = harness;
  api.seed(setOf(spec));
  await harness.start(createStatefulSetController(harness.deps));
  const read = () => api.objects(appsV1.StatefulSet)[0] as StatefulSet;
  const patch = async (body: object) => {
    await client.patch(appsV1.StatefulSet, { namespace: 'default', name: 'web' }, { type: 'merge', body }, ctx);
    await clock.settle();
  };
  const image = (tag: string) => patch({ spec: { template: { spec: { containers: [{ name: 'c', image: tag }] } } } });
  const images = () => harness.pods().map((pod) => pod.spec.containers[0]?.image);
  const runAll = async () => {
    for (let i = 0; i < 20; i++) {
      const waiting = harness.pods().find((pod) => pod.status?.phase === 'Pending');
      if (waiting === undefined) return;
      await harness.run(waiting.metadata.name);
    }
  };
  return { ...harness, read, patch, image, images, runAll };
}

test('OrderedReady: one after the other, each with its identity', async () => {
  const t = await begin();
  assert.deepEqual(t.podNames(), ['web-0']);
  const pod = t.podOf('web-0');
  const revision = t.read().status?.updateRevision ?? '';
  assert.match(revision, /^web-[bcdfghjklmnpqrstvwxz2456789]+$/);
  assert.deepEqual(pod.metadata.labels, {
    app: 'web',
    'statefulset.kubernetes.io/pod-name': 'web-0',
    'apps.kubernetes.io/pod-index': '0',
    'controller-revision-hash': revision,
  });
  assert.equal(pod.metadata.generateName, undefined);
  assert.equal(pod.metadata.ownerReferences?.[0]?.controller, true);
  assert.deepEqual([pod.spec.hostname, pod.spec.subdomain], ['web-0', 'svc']);
  await t.run('web-0');
  assert.deepEqual(t.podNames(), ['web-0', 'web-1']);
  await t.run('web-1');
  await t.run('web-2');
  assert.deepEqual(t.read().status, {
    observedGeneration: 1,
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
    currentRevision: revision,
    updateRevision: revision,
    collisionCount: 0,
  });
  assert.deepEqual(t.told[0], {
    about: 'web',
    type: 'Normal',
    reason: 'SuccessfulCreate',
    message: 'Create Pod web-0 in StatefulSet web successful',
  });
  await t.stop();
});

test('OrderedReady: an unready Pod stops scaling; scale down takes the highest first, one at a time', async () => {
  const t = await begin();
  await t.runAll();
  await t.unready('web-1');
  await t.patch({ spec: { replicas: 4 } });
  assert.deepEqual(t.podNames(), ['web-0', 'web-1', 'web-2']);
  await t.run('web-1');
  assert.deepEqual(t.podNames(), ['web-0', 'web-1', 'web-2', 'web-3']);
  await t.unready('web-1');
  await t.patch({ spec: { replicas: 1 } });
  // Only web-0 is among the replicas, and well; web-1 is the first of the condemned that is not: the rest waits for it.
  assert.deepEqual(t.podNames(), ['web-0', 'web-1', 'web-2', 'web-3']);
  await t.run('web-3');
  assert.deepEqual(t.podNames(), ['web-0']);
  const deletions = t.told
    .filter((event) => event.reason === 'SuccessfulDelete')
    .map((event) => event.message.split(' ')[2]);
  assert.deepEqual(deletions, ['web-3', 'web-2', 'web-1']);
  await t.stop();
});

test('Parallel makes and removes all at once, from the ordinal that the set starts at', async () => {
  const t = await begin({ podManagementPolicy: 'Parallel', ordinals: { start: 5 } });
  assert.deepEqual(t.podNames(), ['web-5', 'web-6', 'web-7']);
  await t.patch({ spec: { replicas: 0 } });
  assert.deepEqual(t.podNames(), []);
  await t.stop();
});

test('rolling update: highest first, waits for each, ends with one revision; history keeps its limit', async () => {
  const t = await begin();
  await t.runAll();
  const first = t.read().status?.currentRevision;
  await t.image('v2');
  assert.deepEqual(t.images(), ['v1', 'v1', 'v2']);
  assert.equal(t.read().status?.currentRevision, first);
  assert.notEqual(t.read().status?.updateRevision, first);
  assert.equal(t.read().status?.currentReplicas, 2);
  await t.runAll();
  assert.deepEqual(t.images(), ['v2', 'v2', 'v2']);
  assert.equal(t.read().status?.currentRevision, t.read().status?.updateRevision);
  await t.image('v3');
  await t.runAll();
  const numbers = t.api.objects(appsV1.ControllerRevision).map((revision) => revision.revision);
  assert.deepEqual(numbers.sort(), [2, 3]);
  await t.image('v2');
  await t.runAll();
  const back = t.api.objects(appsV1.ControllerRevision).map((revision) => revision.revision);
  assert.deepEqual(back.sort(), [3, 4]);
  await t.stop();
});

test('a partition keeps the Pods below it, even when they are lost', async () => {
  const t = await begin({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
  await t.runAll();
  await t.image('v2');
  await t.runAll();
  assert.deepEqual(t.images(), ['v1', 'v1', 'v2']);
  await t.client.delete(coreV1.Pod, t.podOf('web-0'), t.ctx);
  await t.clock.settle();
  await t.runAll();
  assert.deepEqual(t.images(), ['v1', 'v1', 'v2']);
  assert.deepEqual([t.read().status?.currentReplicas, t.read().status?.updatedReplicas], [2, 1]);
  await t.stop();
});

test('OnDelete updates a Pod only when someone deletes it', async () => {
  const t = await begin({ updateStrategy: { type: 'OnDelete' } });
  await t.runAll();
  await t.image('v2');
  assert.deepEqual(t.images(), ['v1', 'v1', 'v1']);
  await t.client.delete(coreV1.Pod, t.podOf('web-1'), t.ctx);
  await t.clock.settle();
  await t.runAll();
  assert.deepEqual(t.images(), ['v1', 'v2', 'v1']);
  await t.stop();
});

test('maxUnavailable is for a gate that is off: one goes at a time', async () => {
  const rollingUpdate = { partition: 0, maxUnavailable: 2 };
  const t = await begin({ podManagementPolicy: 'Parallel', updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
  await t.runAll();
  await t.image('v2');
  assert.deepEqual(t.images(), ['v1', 'v1', 'v2']);
  await t.stop();
});

test('a failed Pod is made again under its name', async () => {
  const t = await begin({ replicas: 1 });
  await t.run('web-0');
  const before = t.podOf('web-0').metadata.uid;
  await t.finish('web-0', 'Failed');
  assert.notEqual(t.podOf('web-0').metadata.uid, before);
  await t.stop();
});

test('claims are made before the Pod, and follow the retention policy', async () => {
  const t = await begin({
    replicas: 2,
    podManagementPolicy: 'Parallel',
    volumeClaimTemplates: [
      { metadata: { name: 'data', labels: { tier: 'db' } }, spec: { accessModes: ['ReadWriteOnce'] } },
    ],
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
  });
  await t.runAll();
  const claims = () =>
    t.api.objects(coreV1.PersistentVolumeClaim).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  assert.deepEqual(
    claims().map((claim) => claim.metadata.name),
    ['data-web-0', 'data-web-1'],
  );
  assert.deepEqual(claims()[0]?.metadata.labels, { tier: 'db', app: 'web' });
  assert.deepEqual(t.podOf('web-0').spec.volumes, [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-web-0' } },
  ]);
  assert.deepEqual(
    claims()[0]?.metadata.ownerReferences?.map((ref) => ref.kind),
    ['StatefulSet'],
  );
  assert.equal(t.told[0]?.message, 'Create Claim data-web-0 Pod web-0 in StatefulSet web success');
  await t.patch({ spec: { replicas: 1 } });
  assert.deepEqual(
    claims()[1]?.metadata.ownerReferences?.map((ref) => ref.kind),
    ['Pod'],
  );
  // The claim of the earlier web-1 goes with it: a new one waits until it is gone.
  await t.patch({ spec: { replicas: 2 } });
  assert.deepEqual(t.podNames(), ['web-0']);
  await t.client.delete(coreV1.PersistentVolumeClaim, { namespace: 'default', name: 'data-web-1' }, t.ctx);
  await t.clock.advance(1500);
  assert.deepEqual(t.podNames(), ['web-0', 'web-1']);
  await t.stop();
});

test('minReadySeconds: ready at once, available later', async () => {
  const t = await begin({ replicas: 1, minReadySeconds: 10 });
  await t.run('web-0');
  assert.deepEqual([t.read().status?.readyReplicas, t.read().status?.availableReplicas], [1, 0]);
  await t.clock.advance(10_500);
  assert.equal(t.read().status?.availableReplicas, 1);
  await t.stop();
});

test('orphans of the right name are adopted, owned Pods that no longer match are released', async () => {
  const t = await begin({ replicas: 1 });
  await t.run('web-0');
  await t.client.patch(
    coreV1.Pod,
    t.podOf('web-0'),
    { type: 'merge', body: { metadata: { ownerReferences: [] } } },
    t.ctx,
  );
  await t.clock.advance(100);
  assert.equal(t.podOf('web-0').metadata.ownerReferences?.length, 1);
  await t.client.patch(
    coreV1.Pod,
    t.podOf('web-0'),
    { type: 'merge', body: { metadata: { labels: { app: 'other' } } } },
    t.ctx,
  );
  await t.clock.settle();
  assert.deepEqual(t.podOf('web-0').metadata.ownerReferences, []);
  await t.stop();
});

test('conditions that others wrote stay', async () => {
  const t = await begin({ replicas: 1 });
  const conditions = [{ type: 'Mine', status: 'True' }];
  await t.client.patchStatus(appsV1.StatefulSet, t.read(), { ...t.read().status, replicas: 1, conditions }, t.ctx);
  await t.clock.settle();
  await t.run('web-0');
  assert.deepEqual(t.read().status?.conditions, conditions);
  assert.equal(t.read().status?.readyReplicas, 1);
  await t.stop();
});
