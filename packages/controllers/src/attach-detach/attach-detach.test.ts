/** Volumes follow their Pods from node to node, and never to two at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, storageV1 } from '@kapella/api';
import type { Pod, PersistentVolume } from '@kapella/api/types/core-v1';
import { createTestBed } from '../shared/test-bed.ts';
import { createAttachDetachController } from './attach-detach.controller.ts';
import { attachmentName, isOver, multiAttachMessage, uniqueName, UNMOUNT_WAIT_MS } from './plan-node.ts';

const DRIVER = 'disk.example.com';
const UNIQUE = uniqueName(DRIVER, 'h');

const node = (name: string, ready = 'True') => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' } },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: ready }] },
});
const pod = (name: string, nodeName: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', uid: name },
  spec: { nodeName, containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] },
  status: { phase: 'Running' },
});
const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'c', namespace: 'default', uid: 'c' },
  spec: { volumeName: 'pv' },
  status: { phase: 'Bound' },
};
const volume = (accessModes = ['ReadWriteOnce']) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'pv' },
  spec: {
    accessModes,
    claimRef: { namespace: 'default', name: 'c', uid: 'c' },
    csi: { driver: DRIVER, volumeHandle: 'h' },
  },
});

async function cluster(...objects: object[]) {
  const bed = createTestBed();
  bed.api.seed(claim, ...objects);
  await bed.start(createAttachDetachController(bed.deps));
  const attachments = () => bed.api.objects(storageV1.VolumeAttachment);
  const get = async (name: string) => {
    const found = await bed.client.get(coreV1.Node, { name }, bed.ctx);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  };
  return {
    ...bed,
    attachments,
    on: () => attachments().map(({ spec }) => spec.nodeName),
    attachedOn: async (name: string) => (await get(name)).status?.volumesAttached?.map((one) => one.name) ?? [],
    /** As the driver's attacher. */
    async attachAll() {
      for (const one of attachments()) {
        await bed.client.patchStatus(storageV1.VolumeAttachment, one, { attached: true }, bed.ctx);
      }
      await bed.clock.advance(100);
    },
    async use(name: string, volumesInUse: string[]) {
      const found = await get(name);
      await bed.client.patchStatus(coreV1.Node, found, { ...found.status, volumesInUse }, bed.ctx);
      await bed.clock.advance(100);
    },
    async setNode(name: string, change: (found: Awaited<ReturnType<typeof get>>) => Awaited<ReturnType<typeof get>>) {
      await bed.client.update(coreV1.Node, change(await get(name)), bed.ctx);
      await bed.clock.advance(100);
    },
    async remove(name: string) {
      await bed.client.delete(coreV1.Pod, { namespace: 'default', name }, bed.ctx);
      await bed.clock.advance(100);
    },
  };
}

test('attached for the Pod, said to the node, detached when it is unmounted', async () => {
  const bed = await cluster(node('n1'), volume(), pod('a', 'n1'));
  assert.equal(bed.attachments()[0]?.metadata.name, attachmentName(DRIVER, 'h', 'n1'));
  assert.deepEqual(bed.attachments()[0]?.spec, {
    attacher: DRIVER,
    nodeName: 'n1',
    source: { persistentVolumeName: 'pv' },
  });
  assert.deepEqual(await bed.attachedOn('n1'), []);
  await bed.attachAll();
  assert.deepEqual(await bed.attachedOn('n1'), [UNIQUE]);
  assert.deepEqual(bed.told('a'), ['SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "pv" ']);
  await bed.use('n1', [UNIQUE]);
  await bed.remove('a');
  await bed.clock.advance(10 * 60_000);
  assert.deepEqual(bed.on(), ['n1'], 'a ready node keeps what it has mounted');
  await bed.use('n1', []);
  assert.deepEqual(bed.on(), []);
  assert.deepEqual(await bed.attachedOn('n1'), []);
  await bed.stop();
});

test('a second node waits until the first has let go', async () => {
  const bed = await cluster(node('n1'), node('n2'), volume(), pod('a', 'n1'));
  await bed.attachAll();
  await bed.use('n1', [UNIQUE]);
  await bed.client.create(coreV1.Pod, pod('b', 'n2') as unknown as Pod, bed.ctx);
  await bed.clock.advance(1000);
  assert.deepEqual(bed.on(), ['n1']);
  assert.deepEqual(bed.told('b'), [
    'FailedAttachVolume: Multi-Attach error for volume "pv" Volume is already used by pod(s) a',
  ]);
  await bed.remove('a');
  await bed.use('n1', []);
  await bed.clock.advance(1000);
  assert.deepEqual(bed.on(), ['n2']);
  await bed.stop();
});

test('volumes of many nodes, and drivers that do not attach', async () => {
  const many = await cluster(node('n1'), node('n2'), volume(['ReadWriteMany']), pod('a', 'n1'), pod('b', 'n2'));
  assert.deepEqual(many.on().sort(), ['n1', 'n2']);
  await many.stop();
  const driver = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    metadata: { name: DRIVER },
    spec: { attachRequired: false },
  };
  const none = await cluster(node('n1'), volume(), pod('a', 'n1'), driver);
  assert.deepEqual(none.on(), []);
  await none.stop();
});

test('a node that is not ready loses it after six minutes, one out of service at once', async () => {
  const lost = await cluster(node('n1', 'Unknown'), volume(), pod('a', 'n1'));
  await lost.attachAll();
  await lost.use('n1', [UNIQUE]);
  await lost.remove('a');
  await lost.clock.advance(UNMOUNT_WAIT_MS - 60_000);
  assert.deepEqual(lost.on(), ['n1']);
  await lost.clock.advance(120_000);
  assert.deepEqual(lost.on(), []);
  await lost.stop();
  const out = await cluster(node('n1', 'Unknown'), volume(), pod('a', 'n1'));
  await out.attachAll();
  await out.use('n1', [UNIQUE]);
  await out.setNode('n1', (found) => ({
    ...found,
    spec: { ...found.spec, taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
  }));
  await out.remove('a');
  await out.clock.advance(1000);
  assert.deepEqual(out.on(), []);
  await out.stop();
});

test('what the attacher says is told to the Pod; who is over needs nothing', () => {
  const running = { containerStatuses: [{ state: { running: {} } }] };
  const going = { deletionTimestamp: 't' };
  const of = (metadata: object, status: object) => isOver({ metadata, status, spec: {} } as unknown as Pod);
  assert.deepEqual(
    [of({}, { phase: 'Failed' }), of(going, running), of(going, {}), of({}, {})],
    [true, false, true, false],
  );
  const [a, b] = [pod('a', 'n1') as unknown as Pod, pod('b', 'n2') as unknown as Pod];
  const foreign = { ...b, metadata: { ...b.metadata, namespace: 'other' } };
  const name = (volume() as unknown as PersistentVolume).metadata.name;
  assert.match(multiAttachMessage(name, a, []), /already exclusively attached to one node/);
  assert.match(multiAttachMessage(name, a, [b, foreign]), /used by pod\(s\) b and 1 pod\(s\) in different namespaces$/);
  assert.match(multiAttachMessage(name, a, [foreign]), /used by 1 pod\(s\) in different namespaces$/);
});
