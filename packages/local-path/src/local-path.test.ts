/** From claim to directory and back, over an API in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, storageV1 } from '@kapella/api';
import type { PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { createCache, createClient } from '@kapella/client';

import { createFakeApi } from '@kapella/client/fake';
import { localPathObjects } from './objects.ts';
import { runProvisioner } from '@kapella/provisioner';
import { createLocalPath } from './local-path.ts';

const claim = (name: string, spec: object = {}, node = 'n1') => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    ...{ name, namespace: 'default', uid: `uid-${name}` },
    annotations: node === '' ? {} : { 'volume.kubernetes.io/selected-node': node },
  },
  spec: {
    ...{ storageClassName: 'local-path', accessModes: ['ReadWriteOnce'] },
    resources: { requests: { storage: '1Gi' } },
    ...spec,
  },
});

async function start(...objects: object[]) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  const labels = { 'kubernetes.io/hostname': 'host-1' };
  api.seed(
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', uid: 'n1', labels } },
    ...localPathObjects(),
    ...objects,
  );
  const client = createClient(api, { userAgent: 'test/1' });
  const cache = createCache(client);
  const dirs = new Set<string>();
  let free = 10 * 1024 ** 3;
  const disk = {
    make: async (path: string) => void dirs.add(path),
    remove: async (path: string) => void dirs.delete(path),
    freeBytes: async () => free,
  };
  const running = [
    runProvisioner(
      { nodeName: 'n1', backend: createLocalPath({ dir: '/d', hostname: 'host-1' }, disk) },
      { client, cache },
      ctx,
    ),
    cache.run(ctx),
  ];
  await clock.advance(1000);
  return {
    api,
    client,
    ctx,
    clock,
    dirs,
    setFree: (bytes: number) => {
      free = bytes;
    },
    volumes: () => api.objects(coreV1.PersistentVolume),
    capacities: () => api.objects(storageV1.CSIStorageCapacity),
    told: () => api.objects(coreV1.Event).map(({ reason, message }) => `${reason}: ${message}`),
    async stop() {
      stop.abort();
      await clock.settle();
      await Promise.all(running);
    },
  };
}

test('a claim for this node gets a directory and a volume that is bound to it; both go when it is released', async () => {
  const bed = await start(claim('data'), claim('elsewhere', {}, 'n2'), claim('unplaced', {}, ''));
  assert.deepEqual([...bed.dirs], ['/d/pvc-uid-data']);
  const [volume] = bed.volumes();
  assert.equal(bed.volumes().length, 1);
  assert.equal(volume?.spec.claimRef?.uid, 'uid-data');
  assert.equal(volume?.spec.local?.path, '/d/pvc-uid-data');
  assert.deepEqual(volume?.spec.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions, [
    { key: 'kubernetes.io/hostname', operator: 'In', values: ['host-1'] },
  ]);
  assert.match(bed.told().join('\n'), /ProvisioningSucceeded: Successfully provisioned volume pvc-uid-data/);
  if (volume === undefined) return;
  await bed.client.delete(coreV1.PersistentVolumeClaim, { namespace: 'default', name: 'data' }, bed.ctx);
  await bed.client.patchStatus(coreV1.PersistentVolume, volume, { phase: 'Released' }, bed.ctx);
  await bed.clock.advance(1000);
  assert.deepEqual([[...bed.dirs], bed.volumes()], [[], []]);
  await bed.stop();
});

test('what a directory cannot be is refused with words, once', async () => {
  const bed = await start(claim('many', { accessModes: ['ReadWriteMany'] }), claim('raw', { volumeMode: 'Block' }));
  await bed.client.create(
    coreV1.PersistentVolumeClaim,
    claim('later', {}, 'n2') as unknown as PersistentVolumeClaim,
    bed.ctx,
  );
  await bed.clock.advance(1000);
  assert.deepEqual(bed.told().sort(), [
    'ProvisioningFailed: failed to provision volume: a directory of the node cannot be a block device',
    'ProvisioningFailed: failed to provision volume: access mode ReadWriteMany is not supported: the directory is on one node only',
  ]);
  assert.deepEqual(bed.volumes(), []);
  await bed.stop();
});

test('a volume that is kept, or whose path was edited, keeps its directory', async () => {
  const bed = await start(claim('a'), claim('b'));
  const [a, b] = bed.volumes();
  if (a === undefined || b === undefined) assert.fail();
  const kept = { ...a, spec: { ...a.spec, persistentVolumeReclaimPolicy: 'Retain' }, status: { phase: 'Released' } };
  const edited = { ...b, spec: { ...b.spec, local: { path: '/etc' } }, status: { phase: 'Released' } };
  bed.api.seed(kept, edited);
  await bed.clock.advance(120_000);
  assert.equal(bed.volumes().length, 2);
  assert.equal(bed.dirs.size, 2);
  await bed.stop();
});

test('the room of the node is published for the scheduler, again when it has changed', async () => {
  const bed = await start();
  const [capacity] = bed.capacities();
  assert.equal(capacity?.capacity, '10240Mi');
  assert.equal(capacity?.storageClassName, 'local-path');
  assert.deepEqual(capacity?.nodeTopology?.matchLabels, { 'kubernetes.io/hostname': 'host-1' });
  bed.setFree(5 * 1024 ** 3);
  await bed.clock.advance(61_000);
  assert.equal(bed.capacities()[0]?.capacity, '5120Mi');
  await bed.stop();
});
