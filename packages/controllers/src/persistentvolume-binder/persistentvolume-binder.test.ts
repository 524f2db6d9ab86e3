/** Claims and volumes: who gets whom, what is told, what becomes of volumes afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { createTestBed } from '../shared/test-bed.ts';
import { createPersistentVolumeBinder } from './persistentvolume-binder.controller.ts';
import { findVolume } from './plan-binding.ts';

interface VolumeShape {
  readonly storage?: string;
  readonly modes?: readonly string[];
  readonly spec?: object;
  readonly phase?: string;
}

const volume = (name: string, { storage = '1Gi', modes = ['ReadWriteOnce'], spec = {}, phase }: VolumeShape = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage },
      accessModes: modes,
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: '/x' },
      ...spec,
    },
    ...(phase && { status: { phase } }),
  }) as unknown as PersistentVolume;

const claim = (name: string, spec: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default', uid: `uid-${name}` },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  }) as unknown as PersistentVolumeClaim;

test('a claim gets the tightest of the volumes that fit', () => {
  const free = { phase: 'Available' };
  const cases: readonly [why: string, claim: object, volumes: PersistentVolume[], expected: string | undefined][] = [
    ['smallest', {}, [volume('big', { ...free, storage: '5Gi' }), volume('fit', free)], 'fit'],
    ['large enough', {}, [volume('small', { ...free, storage: '500Mi' })], undefined],
    [
      'fewest modes',
      {},
      [
        volume('many', { ...free, modes: ['ReadWriteOnce', 'ReadWriteMany'] }),
        volume('one', { ...free, storage: '2Gi' }),
      ],
      'one',
    ],
    ['modes', { accessModes: ['ReadWriteMany'] }, [volume('a', free)], undefined],
    [
      'class',
      { storageClassName: 'fast' },
      [volume('a', free), volume('b', { ...free, spec: { storageClassName: 'fast' } })],
      'b',
    ],
    [
      'not another’s',
      {},
      [volume('a', { ...free, spec: { claimRef: { namespace: 'default', name: 'other' } } })],
      undefined,
    ],
    [
      'reserved first',
      {},
      [
        volume('a', free),
        volume('b', { ...free, storage: '9Gi', spec: { claimRef: { namespace: 'default', name: 'c' } } }),
      ],
      'b',
    ],
    ['only available', {}, [volume('a', { phase: 'Released' })], undefined],
    ['block', { volumeMode: 'Block' }, [volume('a', free)], undefined],
  ];
  for (const [why, spec, volumes, expected] of cases) {
    assert.equal(findVolume(claim('c', spec), volumes, false)?.metadata.name, expected, why);
  }
});

async function begin(...objects: object[]) {
  const bed = createTestBed('persistentvolume-controller');
  bed.api.seed(...objects);
  await bed.start(createPersistentVolumeBinder(bed.deps));
  await bed.clock.advance(1000);
  return {
    ...bed,
    claim: (name: string) => bed.api.objects(coreV1.PersistentVolumeClaim).find((c) => c.metadata.name === name),
    volume: (name: string) => bed.api.objects(coreV1.PersistentVolume).find((v) => v.metadata.name === name),
  };
}

test('binds both ways and marks who chose', async () => {
  const bed = await begin(volume('v'), claim('c'));
  const bound = bed.claim('c');
  assert.equal(bound?.spec.volumeName, 'v');
  assert.deepEqual(bound?.status, { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } });
  assert.deepEqual(bound?.metadata.annotations, {
    'pv.kubernetes.io/bind-completed': 'yes',
    'pv.kubernetes.io/bound-by-controller': 'yes',
  });
  const { claimRef } = bed.volume('v')?.spec ?? {};
  assert.deepEqual([claimRef?.namespace, claimRef?.name, claimRef?.uid], ['default', 'c', 'uid-c']);
  assert.equal(bed.volume('v')?.status?.phase, 'Bound');
  await bed.client.delete(coreV1.PersistentVolumeClaim, bound as never, bed.ctx);
  await bed.clock.advance(1000);
  assert.equal(bed.volume('v')?.status?.phase, 'Released');
  await bed.stop();
});

test('two claims never share a volume', async () => {
  const bed = await begin(volume('v'), claim('a'), claim('b'));
  assert.deepEqual([bed.claim('a'), bed.claim('b')].map((c) => c?.status?.phase).toSorted(), ['Bound', 'Pending']);
  await bed.client.create(coreV1.PersistentVolume, volume('w') as never, bed.ctx);
  await bed.clock.advance(1000);
  assert.deepEqual([bed.claim('a'), bed.claim('b')].map((c) => c?.spec.volumeName).toSorted(), ['v', 'w']);
  await bed.stop();
});

test('a claim that names its volume, also before there is one', async () => {
  const bed = await begin(claim('c', { volumeName: 'v' }));
  assert.equal(bed.claim('c')?.status?.phase, 'Pending');
  await bed.client.create(coreV1.PersistentVolume, volume('v') as never, bed.ctx);
  await bed.clock.advance(1000);
  assert.equal(bed.claim('c')?.status?.phase, 'Bound');
  assert.deepEqual(bed.claim('c')?.metadata.annotations, { 'pv.kubernetes.io/bind-completed': 'yes' });
  await bed.client.delete(coreV1.PersistentVolume, { name: 'v' }, bed.ctx);
  await bed.clock.advance(1000);
  assert.equal(bed.claim('c')?.status?.phase, 'Lost');
  assert.deepEqual(bed.told('c'), [
    'ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
  ]);
  await bed.stop();
});

test('why a claim waits', async () => {
  const storageClass = (name: string, provisioner: string, more: object = {}) => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner,
    ...more,
  });
  const bed = await begin(
    storageClass('late', 'example.com/disk', { volumeBindingMode: 'WaitForFirstConsumer' }),
    storageClass('disk', 'example.com/disk'),
    storageClass('none', 'kubernetes.io/no-provisioner'),
    volume('small', { storage: '10Mi' }),
    claim('plain', { storageClassName: '' }),
    claim('late', { storageClassName: 'late' }),
    claim('external', { storageClassName: 'disk' }),
    claim('manual', { storageClassName: 'none' }),
    claim('unknown', { storageClassName: 'nope' }),
    claim('named', { storageClassName: '', volumeName: 'small' }),
  );
  const first = (name: string) => bed.told(name)[0];
  assert.equal(
    first('plain'),
    'FailedBinding: no persistent volumes available for this claim and no storage class is set',
  );
  assert.equal(first('late'), 'WaitForFirstConsumer: waiting for first consumer to be created before binding');
  assert.match(
    first('external') ?? '',
    /^ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com\/disk' or manually/,
  );
  assert.equal(
    bed.claim('external')?.metadata.annotations?.['volume.kubernetes.io/storage-provisioner'],
    'example.com/disk',
  );
  assert.equal(first('manual'), 'ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner');
  assert.equal(first('unknown'), 'ProvisioningFailed: storageclass.storage.k8s.io "nope" not found');
  assert.equal(first('named'), 'VolumeMismatch: Cannot bind to requested volume "small": requested PV is too small');
  for (const name of ['plain', 'late', 'external', 'manual', 'unknown', 'named'])
    assert.equal(bed.claim(name)?.status?.phase, 'Pending', name);
  await bed.stop();
});

test('a default class that comes late is taken by claims that named none', async () => {
  const bed = await begin(claim('c'));
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  bed.api.endWatches();
  bed.api.seed({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'std', annotations },
    provisioner: 'example.com/disk',
  });
  await bed.clock.advance(10_000);
  assert.equal(bed.claim('c')?.spec.storageClassName, 'std');
  await bed.stop();
});

test('a released volume that must go but that nobody can delete fails visibly', async () => {
  const bed = await begin(volume('v', { spec: { persistentVolumeReclaimPolicy: 'Delete' } }), claim('c'));
  await bed.client.delete(coreV1.PersistentVolumeClaim, bed.claim('c') as never, bed.ctx);
  await bed.clock.advance(2000);
  assert.equal(bed.volume('v')?.status?.phase, 'Failed');
  assert.match(bed.told('v')[0] ?? '', /^VolumeFailedDelete: error getting deleter volume plugin/);
  await bed.stop();
});
