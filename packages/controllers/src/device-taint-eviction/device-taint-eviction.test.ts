/** When Pods leave tainted devices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, resourceV1 } from '@kapella/api';
import { formatTime } from '@kapella/base';
import { createTestBed } from '../shared/test-bed.ts';
import { createDeviceTaintEvictionController } from './device-taint-eviction.controller.ts';
import { claimEvictionMs } from './plan-eviction.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

const slice = (taints: object[], generation = 1, name = 's') => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceSlice',
  metadata: { name: `${name}-${generation}` },
  spec: { driver: 'd', pool: { name: 'p', generation, resourceSliceCount: 1 }, devices: [{ name: 'dev', taints }] },
});
const claim = (tolerations: object[], users: object[] = [], owner?: string) => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  metadata: {
    name: 'c',
    namespace: 'default',
    ...(owner !== undefined && {
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: owner, controller: true }],
    }),
  },
  spec: {},
  status: {
    reservedFor: users,
    allocation: { devices: { results: [{ request: 'r', driver: 'd', pool: 'p', device: 'dev', tolerations }] } },
  },
});

test('the taint’s time and the shortest toleration decide; one for ever wins', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoExecute', timeAdded: formatTime(NOW) };
  const exists = (more: object = {}) => ({ key: 'k', operator: 'Exists', effect: 'NoExecute', ...more });
  const cases: readonly [taints: object[], tolerations: object[], dueMs: number | undefined][] = [
    [[], [], undefined],
    [[taint], [], NOW],
    [[{ ...taint, effect: 'NoSchedule' }], [], undefined],
    [[taint], [exists()], undefined],
    [[taint], [exists({ tolerationSeconds: 60 })], NOW + 60_000],
    [[taint], [exists({ tolerationSeconds: -1 })], NOW],
    [[taint], [exists({ tolerationSeconds: 60 }), exists({ tolerationSeconds: 30 })], NOW + 30_000],
    [[taint], [exists({ tolerationSeconds: 60 }), exists()], undefined],
    [[taint], [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute' }], undefined],
    [[taint], [{ key: 'k', value: 'x', effect: 'NoExecute' }], NOW],
    [[taint], [{ key: 'k', operator: 'Exists' }], NOW], // only of this very effect
    [[taint, { ...taint, key: 'l', timeAdded: formatTime(NOW - 5_000) }], [], NOW - 5_000],
  ];
  for (const [taints, tolerations, dueMs] of cases) {
    const found = claimEvictionMs(claim(tolerations) as never, () => [slice(taints)] as never);
    assert.equal(found, dueMs, JSON.stringify([taints, tolerations]));
  }
  const older = slice([taint], 1);
  assert.equal(
    claimEvictionMs(claim([]) as never, () => [older, slice([], 2)] as never),
    undefined,
  );
});

test('evicts whoever has the device, tells why, and not when the taint goes first', async () => {
  const bed = createTestBed();
  const pod = (name: string, uid: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid },
    spec: { nodeName: 'n', containers: [], resourceClaims: [{ name: 'gpu', resourceClaimName: 'c' }] },
    status: { phase: 'Running' },
  });
  bed.api.seed(pod('user', 'u-1'), pod('other', 'u-2'), slice([]));
  const toleration = { key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 };
  const uidOf = (name: string) => bed.api.objects(coreV1.Pod).find((p) => p.metadata.name === name)?.metadata.uid;
  bed.api.seed(claim([toleration], [{ resource: 'pods', name: 'user', uid: uidOf('user') }]));
  await bed.start(createDeviceTaintEvictionController(bed.deps));
  const taint = async (taints: object[]) => {
    const present = bed.api.objects(resourceV1.ResourceSlice)[0]!;
    await bed.client.update(resourceV1.ResourceSlice, { ...present, spec: slice(taints).spec } as never, bed.ctx);
    await bed.clock.advance(100);
  };
  const bad = () => ({ key: 'k', effect: 'NoExecute', timeAdded: formatTime(bed.clock.nowMs()) });
  const left = () => bed.names(bed.api.objects(coreV1.Pod));
  await taint([bad()]);
  await bed.clock.advance(10_000);
  await taint([]);
  await bed.clock.advance(60_000);
  assert.deepEqual(left(), ['default/other', 'default/user']);
  assert.deepEqual(bed.told('user'), ['DeviceTaintManagerEviction: Cancelling deletion']);

  await taint([bad()]);
  await bed.clock.advance(31_000);
  assert.deepEqual(left(), ['default/other']);
  assert.deepEqual(bed.told('user').slice(1), ['DeviceTaintManagerEviction: Marking for deletion']);
  const patch = bed.api.writes.find((w) => w.subresource === 'status' && w.name === 'user');
  assert.equal(patch?.body.status.conditions[0].reason, 'DeletionByDeviceTaintManager');
  await bed.stop();
});
