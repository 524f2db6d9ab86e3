/** The driver over a store and a machine in memory. csi-sanity runs against the real one (test/upstream/csi-sanity). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { createVirtualClock } from '@kapella/base';
import { CsiError } from '@kapella/csi';
import { planGrowth } from './companion/resizer.ts';
import { planSnapshots } from './companion/snapshotter.ts';
import { createControllerService } from './controller-service.ts';
import { DRIVER_NAME, type ImageRecord, type ImageStore, sizeText, TOPOLOGY_KEY } from './images.ts';
import { mountsOfDevice, parseMounts } from './mounts.ts';
import { createNodeService, type NodeHost } from './node-service.ts';
import { sizeOf } from './requests.ts';

const GI = 1024 ** 3;
const range = (required: number, limit = 0) => ({ requiredBytes: String(required), limitBytes: String(limit) });
const mount = { mount: { fsType: '', mountFlags: ['noatime'] }, accessMode: { mode: 'SINGLE_NODE_WRITER' } };
const code = (name: string) => (error: unknown) => error instanceof CsiError && error.code === name;

function memoryStore(): ImageStore & { free: number } {
  const images = new Map<string, ImageRecord>();
  return {
    free: 100 * GI,
    get: async (kind, id) => images.get(`${kind}/${id}`),
    list: async (kind) =>
      [...images.values()].filter((one) => one.kind === kind).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    create: async (record) => void images.set(`${record.kind}/${record.id}`, record),
    async grow(record, sizeBytes) {
      const grown = { ...record, sizeBytes };
      images.set(`${record.kind}/${record.id}`, grown);
      return grown;
    },
    remove: async (kind, id) => void images.delete(`${kind}/${id}`),
    pathOf: ({ id }) => `/images/${id}`,
    async freeBytes() {
      return this.free;
    },
  };
}

function createController() {
  const store = memoryStore();
  const inUse = new Set<string>();
  const quiet: string[] = [];
  const controller = createControllerService({
    nodeId: 'n1',
    store,
    clock: createVirtualClock(),
    isInUse: async ({ id }) => inUse.has(id),
    async quiesced({ id }, copy) {
      quiet.push(id);
      await copy();
    },
  });
  return { store, controller, inUse, quiet };
}

test('a volume is made once by its name; another size, or a full disk, is refused', async () => {
  const { controller, store } = createController();
  const request = { name: 'a', capacityRange: range(GI), volumeCapabilities: [mount] };
  const { volume } = await controller.createVolume(request);
  assert.equal(volume.capacityBytes, GI);
  assert.deepEqual(volume.accessibleTopology, [{ segments: { [TOPOLOGY_KEY]: 'n1' } }]);
  assert.deepEqual((await controller.createVolume(request)).volume, volume);
  await assert.rejects(controller.createVolume({ ...request, capacityRange: range(2 * GI) }), code('AlreadyExists'));
  await assert.rejects(
    controller.createVolume({ ...request, name: 'b', parameters: { tipo: 'x' } }),
    /parameter tipo is unknown/,
  );
  const many = { ...mount, accessMode: { mode: 'MULTI_NODE_MULTI_WRITER' } };
  await assert.rejects(
    controller.createVolume({ ...request, name: 'b', volumeCapabilities: [many] }),
    code('InvalidArgument'),
  );
  store.free = 1;
  const clone = { ...request, name: 'c', volumeContentSource: { volume: { volumeId: volume.volumeId } } };
  await assert.rejects(controller.createVolume(clone), code('ResourceExhausted'));
});

test('sizes are whole pages within the range', () => {
  assert.deepEqual([2 * GI, 1536 * 1024 ** 2, 4097].map(sizeText), ['2Gi', '1536Mi', '4097']);
  assert.equal(sizeOf(range(GI + 1), 0), GI + 4096);
  assert.equal(sizeOf(undefined, 0), GI);
  assert.equal(sizeOf(range(0, 500 * 1024 ** 2), 0), 500 * 1024 ** 2);
  assert.throws(() => sizeOf(range(2, 1), 0), code('InvalidArgument'));
  assert.throws(() => sizeOf(range(0, 1024), 0), code('OutOfRange'));
});

test('snapshots and clones are taken while nothing is written, and stand alone then', async () => {
  const { controller, quiet, inUse } = createController();
  const request = { name: 'a', capacityRange: range(GI), volumeCapabilities: [mount] };
  const { volume } = await controller.createVolume(request);
  const { snapshot } = await controller.createSnapshot({ name: 's', sourceVolumeId: volume.volumeId });
  const restore = {
    volumeContentSource: { snapshot: { snapshotId: snapshot.snapshotId } },
    capacityRange: range(2 * GI),
  };
  const restored = await controller.createVolume({ ...request, ...restore, name: 'r' });
  assert.equal(restored.volume.capacityBytes, 2 * GI);
  await controller.createVolume({
    ...request,
    name: 'c',
    volumeContentSource: { volume: { volumeId: volume.volumeId } },
  });
  assert.deepEqual(quiet, [volume.volumeId, volume.volumeId]);
  inUse.add(volume.volumeId);
  await assert.rejects(controller.deleteVolume(volume), code('FailedPrecondition'));
  inUse.clear();
  await controller.deleteVolume(volume);
  await controller.deleteVolume(volume);
  assert.equal((await controller.listSnapshots({ sourceVolumeId: volume.volumeId })).entries.length, 1);
  await assert.rejects(
    controller.createSnapshot({ name: 's', sourceVolumeId: restored.volume.volumeId }),
    code('AlreadyExists'),
  );
});

test('pages go on where the last one ended, whatever came or went', async () => {
  const { controller } = createController();
  for (const name of ['a', 'b', 'c', 'd']) {
    await controller.createVolume({ name, capacityRange: range(GI), volumeCapabilities: [mount] });
  }
  const first = await controller.listVolumes({ maxEntries: 2 });
  const ids = first.entries.map(({ volume }) => volume.volumeId);
  await controller.deleteVolume({ volumeId: ids[1] ?? '' });
  const second = await controller.listVolumes({ maxEntries: 2, startingToken: first.nextToken });
  assert.equal(new Set([...ids, ...second.entries.map(({ volume }) => volume.volumeId)]).size, 4);
  assert.equal(second.nextToken, '');
  await assert.rejects(controller.listVolumes({ startingToken: 'x' }), code('Aborted'));
});

test('staging: loop, file system, mount; what fails leaves no device behind', async () => {
  const { store, controller } = createController();
  const { volume } = await controller.createVolume({
    name: 'a',
    capacityRange: range(GI),
    volumeCapabilities: [mount],
  });
  const done: string[] = [];
  let loop: string | undefined;
  let fails = false;
  const host = {
    loopOf: async () => loop,
    attachLoop: async () => {
      loop = '/dev/loop7';
      return loop;
    },
    detachLoop: async () => {
      loop = undefined;
    },
    fsTypeOf: async () => '',
    makeFs: async (_device: string, type: string) => void done.push(`mkfs ${type}`),
    async mount(device: string, path: string, type: string, options: readonly string[]) {
      if (fails) throw new Error('bad superblock');
      done.push(`mount ${device} ${path} ${type} ${options}`);
    },
    isMounted: async () => false,
  } as unknown as NodeHost;
  const node = createNodeService({ nodeId: 'n1', store, host, volumesMax: 5 });
  const request = { volumeId: volume.volumeId, stagingTargetPath: '/s', volumeCapability: mount };
  await node.nodeStageVolume(request);
  assert.deepEqual(done, ['mkfs xfs', 'mount /dev/loop7 /s xfs noatime,nouuid']);
  loop = undefined;
  fails = true;
  await assert.rejects(node.nodeStageVolume(request), /bad superblock/);
  assert.equal(loop, undefined);
  await assert.rejects(
    node.nodePublishVolume({ ...request, stagingTargetPath: '', targetPath: '/t', readonly: false }),
    code('FailedPrecondition'),
  );
  await assert.rejects(node.nodeStageVolume({ ...request, volumeId: 'vol-0' }), code('NotFound'));
});

test('mount table: the file system of a device, and the device bound to a file', () => {
  const table = [
    '21 1 0:5 / /dev rw - devtmpfs udev rw',
    '30 21 7:3 / /stage/a\\040b rw - xfs /dev/loop3 rw',
    '31 21 0:5 /loop3 /pods/x/dev rw - devtmpfs udev rw',
    '32 21 7:4 / /other rw - xfs /dev/loop4 rw',
  ].join('\n');
  assert.deepEqual(mountsOfDevice(parseMounts(table), '/dev/loop3'), ['/stage/a b', '/pods/x/dev']);
});

const pv = (name: string, node: string, storage: string) =>
  ({
    metadata: { name },
    spec: {
      capacity: { storage },
      claimRef: { uid: `c-${name}` },
      csi: { driver: DRIVER_NAME, volumeHandle: name },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: TOPOLOGY_KEY, operator: 'In', values: [node] }] }],
        },
      },
    },
  }) as unknown as PersistentVolume;
const claimOf = (volumeName: string, storage: string) =>
  ({
    metadata: { name: volumeName, namespace: 'ns', uid: `c-${volumeName}` },
    spec: { volumeName, resources: { requests: { storage } } },
    status: { phase: 'Bound' },
  }) as unknown as PersistentVolumeClaim;

test('only claims of this node that ask for more are grown', () => {
  const volumes = [pv('a', 'n1', '1Gi'), pv('b', 'n1', '1Gi'), pv('c', 'n2', '1Gi')];
  const claims = [claimOf('a', '2Gi'), claimOf('b', '1Gi'), claimOf('c', '2Gi')];
  assert.deepEqual(
    planGrowth('n1', claims, volumes).map(({ volume, bytes }) => [volume.metadata.name, bytes]),
    [['a', 2 * GI]],
  );
});

test('snapshots: taken of this node, of classes of the driver, until they are ready; dropped when deleted', () => {
  const snapshot = (name: string, claim: string, more: object = {}, status: object = {}) =>
    ({
      metadata: { name, namespace: 'ns', uid: name, ...more },
      spec: { source: { persistentVolumeClaimName: claim }, volumeSnapshotClassName: 'k' },
      status,
    }) as never;
  const plan = planSnapshots({
    nodeId: 'n1',
    snapshots: [
      snapshot('new', 'a'),
      snapshot('ready', 'a', {}, { readyToUse: true }),
      snapshot('elsewhere', 'c'),
      snapshot('going', 'a', { deletionTimestamp: 't', finalizers: [`${DRIVER_NAME}/snapshot`] }),
      snapshot('not-ours', 'a', { deletionTimestamp: 't', finalizers: ['x'] }),
    ],
    contents: [{ metadata: { name: 'snapcontent-going' } } as never],
    classes: [{ metadata: { name: 'k' }, driver: DRIVER_NAME, deletionPolicy: 'Delete' } as never],
    claims: [claimOf('a', '1Gi'), claimOf('c', '1Gi')],
    volumes: [pv('a', 'n1', '1Gi'), pv('c', 'n2', '1Gi')],
  });
  assert.deepEqual(
    plan.take.map((one) => one.snapshot.metadata.name),
    ['new'],
  );
  assert.deepEqual(
    plan.drop.map((one) => [one.snapshot.metadata.name, one.content?.metadata.name]),
    [['going', 'snapcontent-going']],
  );
});
