/** Every live namespace has its default account. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { createServiceAccountController } from './serviceaccount.controller.ts';

test('the default account is made, made again when deleted, and left alone in a namespace that goes', async () => {
  const bed = createTestBed();
  const namespace = (name: string, more: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, ...more },
  });
  bed.api.seed(
    namespace('a'),
    namespace('b'),
    namespace('going', { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x'] }),
  );
  await bed.start(createServiceAccountController(bed.deps));
  const names = () => bed.names(bed.api.objects(coreV1.ServiceAccount));
  assert.deepEqual(names(), ['a/default', 'b/default']);
  await bed.client.delete(coreV1.ServiceAccount, { namespace: 'a', name: 'default' }, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(names(), ['a/default', 'b/default']);
  await bed.stop();
});
