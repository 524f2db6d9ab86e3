/** The cluster CA is in every live namespace and stays as it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createTestBed } from '../shared/test-bed.ts';
import { createRootCaPublisher } from './root-ca-certificate-publisher.controller.ts';

test('published, put right when changed, made again when deleted', async () => {
  const bed = createTestBed();
  bed.api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } });
  await bed.start(createRootCaPublisher(bed.deps, 'PEM'));
  const published = () =>
    bed.api.objects(coreV1.ConfigMap).map((map) => [map.metadata.namespace, map.metadata.name, map.data]);
  const expected = [['a', 'kube-root-ca.crt', { 'ca.crt': 'PEM' }]];
  assert.deepEqual(published(), expected);
  assert.ok(bed.api.objects(coreV1.ConfigMap)[0]?.metadata.annotations?.['kubernetes.io/description']);
  const name = { namespace: 'a', name: 'kube-root-ca.crt' };
  await bed.client.patch(
    coreV1.ConfigMap,
    name,
    { type: 'merge', body: { data: { 'ca.crt': 'EVIL', more: 'x' } } },
    bed.ctx,
  );
  await bed.clock.advance(100);
  assert.deepEqual(published(), expected);
  await bed.client.delete(coreV1.ConfigMap, name, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(published(), expected);
  await bed.stop();
});
