/** Nothing in use is deleted; nothing unused is kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { planFinalizers } from './plan-finalizers.ts';
import { createPvcProtectionController, createPvProtectionController } from './pv-protection.controller.ts';

test('finalizers: put on live objects, taken off deleted ones that nobody uses', () => {
  const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  assert.deepEqual(planFinalizers({ metadata: {} }, 'p', false), ['p']);
  assert.equal(planFinalizers({ metadata: { finalizers: ['p'] } }, 'p', true), undefined);
  assert.equal(planFinalizers({ metadata: { ...going, finalizers: ['p'] } }, 'p', true), undefined);
  assert.deepEqual(planFinalizers({ metadata: { ...going, finalizers: ['a', 'p'] } }, 'p', false), ['a']);
  assert.equal(planFinalizers({ metadata: going }, 'p', false), undefined);
});

test('a claim goes only when the last Pod that uses it has ended or gone', async () => {
  const bed = createTestBed();
  const pod = (name: string, nodeName: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName, containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] },
    status: { phase: 'Running' },
  });
  bed.api.seed(
    { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'c', namespace: 'default' }, spec: {} },
    pod('a', 'n'),
    pod('b', 'n'),
    pod('unplaced', ''),
  );
  await bed.start(createPvcProtectionController(bed.deps));
  const claims = () => bed.api.objects(coreV1.PersistentVolumeClaim);
  assert.deepEqual(claims()[0]?.metadata.finalizers, ['kubernetes.io/pvc-protection']);
  await bed.client.delete(coreV1.PersistentVolumeClaim, { namespace: 'default', name: 'c' }, bed.ctx);
  await bed.client.delete(coreV1.Pod, { namespace: 'default', name: 'a' }, bed.ctx);
  await bed.clock.advance(100);
  assert.equal(claims().length, 1);
  await bed.run(
    bed.api.objects(coreV1.Pod).filter((p) => p.metadata.name === 'b'),
    'Succeeded',
  );
  assert.equal(claims().length, 0);
  await bed.stop();
});

test('a bound volume stays until its claim has let go', async () => {
  const bed = createTestBed();
  bed.api.seed({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'v' },
    spec: {},
    status: { phase: 'Bound' },
  });
  await bed.start(createPvProtectionController(bed.deps));
  await bed.client.delete(coreV1.PersistentVolume, { name: 'v' }, bed.ctx);
  await bed.clock.advance(100);
  const volumes = () => bed.api.objects(coreV1.PersistentVolume);
  assert.equal(volumes().length, 1);
  await bed.client.patchStatus(coreV1.PersistentVolume, volumes()[0]!, { phase: 'Released' }, bed.ctx);
  await bed.clock.advance(100);
  assert.equal(volumes().length, 0);
  await bed.stop();
});
