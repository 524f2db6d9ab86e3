/** What the server adds to a slice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceSlice } from '@kapella/api/types/resource-v1';
import { created, given } from '../../testing/harness.ts';
import { resourceSliceResource } from './resourceslice.resource.ts';

test('a taint without a time is as old as the write', () => {
  const taints = [
    { key: 'a', effect: 'NoExecute' },
    { key: 'b', effect: 'NoExecute', timeAdded: '2020-01-01T00:00:00Z' },
  ];
  const spec = { driver: 'd', pool: { name: 'p' }, devices: [{ name: 'x' }, { name: 'y', taints }] };
  const slice = created(resourceSliceResource, given<ResourceSlice>({ spec }));
  assert.deepEqual(
    slice.spec.devices?.[1]?.taints?.map(({ timeAdded }) => timeAdded),
    ['2026-01-02T00:00:00Z', '2020-01-01T00:00:00Z'],
  );
  assert.deepEqual(slice.spec.devices?.[0], { name: 'x' });
});
