/** A class in use stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, storageV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { classesOfClaim, createVacProtectionController } from './vac-protection.controller.ts';

test('a claim names the class it wants, the one it has, and the one it is changed to', () => {
  const status = {
    currentVolumeAttributesClassName: 'silver',
    modifyVolumeStatus: { targetVolumeAttributesClassName: 'gold', status: 'InProgress' },
  };
  const claim = (spec: object, of: object) => ({ metadata: { name: 'c' }, spec, status: of }) as never;
  assert.deepEqual(classesOfClaim(claim({ volumeAttributesClassName: 'gold' }, status)), ['gold', 'silver']);
  assert.deepEqual(classesOfClaim(claim({ volumeAttributesClassName: '' }, {})), []);
});

test('a class goes when the last claim and the last volume have let go', async () => {
  const bed = createTestBed();
  const object = (apiVersion: string, kind: string, name: string, rest: object) => ({
    apiVersion,
    kind,
    metadata: { name, ...(kind === 'PersistentVolumeClaim' && { namespace: 'default' }) },
    ...rest,
  });
  const spec = { volumeAttributesClassName: 'gold' };
  bed.api.seed(
    object('storage.k8s.io/v1', 'VolumeAttributesClass', 'gold', { driverName: 'd' }),
    object('v1', 'PersistentVolume', 'v', { spec }),
    object('v1', 'PersistentVolumeClaim', 'c', { spec, status: { currentVolumeAttributesClassName: 'gold' } }),
  );
  await bed.start(createVacProtectionController(bed.deps));
  const classes = () => bed.api.objects(storageV1.VolumeAttributesClass);
  assert.deepEqual(classes()[0]?.metadata.finalizers, ['kubernetes.io/vac-protection']);
  await bed.client.delete(storageV1.VolumeAttributesClass, { name: 'gold' }, bed.ctx);
  await bed.client.delete(coreV1.PersistentVolume, { name: 'v' }, bed.ctx);
  await bed.clock.advance(100);
  assert.equal(classes().length, 1);
  const patch = { type: 'merge', body: { spec: { volumeAttributesClassName: 'silver' } } } as const;
  await bed.client.patch(coreV1.PersistentVolumeClaim, { namespace: 'default', name: 'c' }, patch, bed.ctx);
  await bed.clock.advance(100);
  assert.equal(classes().length, 1, 'the claim still has the class');
  await bed.client.delete(coreV1.PersistentVolumeClaim, { namespace: 'default', name: 'c' }, bed.ctx);
  await bed.clock.advance(100);
  assert.equal(classes().length, 0);
  await bed.stop();
});
