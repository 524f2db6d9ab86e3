import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { createExpandController } from './expand.controller.ts';

test('a bound claim that asks for more is told who is waited for, once', async () => {
  const bed = createTestBed();
  const claim = (name: string, wanted: string) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default', uid: name },
    spec: { volumeName: `pv-${name}`, resources: { requests: { storage: wanted } } },
    status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  });
  const volume = (name: string) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `pv-${name}` },
    spec: { claimRef: { namespace: 'default', name, uid: name } },
  });
  bed.api.seed(claim('same', '1024Mi'), volume('same'), claim('more', '2Gi'), volume('more'));
  await bed.start(createExpandController(bed.deps));
  await bed.clock.advance(1000);
  assert.deepEqual(bed.told('same'), []);
  assert.deepEqual(bed.told('more'), ['ExternalExpanding: waiting for an external controller to expand this PVC']);
  const more = await bed.client.get(coreV1.PersistentVolumeClaim, { namespace: 'default', name: 'more' }, bed.ctx);
  if (more === undefined) throw new Error('gone');
  await bed.client.patchStatus(coreV1.PersistentVolumeClaim, more, { ...more.status, conditions: [] }, bed.ctx);
  await bed.clock.advance(1000);
  assert.equal(bed.told('more').length, 1);
  await bed.stop();
});
