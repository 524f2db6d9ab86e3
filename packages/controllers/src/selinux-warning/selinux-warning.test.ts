/** Who is at odds over a volume, and what Pods are told. Tables: upstream's volumecache_test.go, selinux_translator_test.go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, storageV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { createTestBed } from '../shared/test-bed.ts';
import { conflict, labelOf, labelsByVolume } from './labels.ts';
import { createSelinuxWarningController } from './selinux-warning.controller.ts';
import { VolumeUsers } from './volume-users.ts';

test('labels of options, and which cannot both be', () => {
  const full = { user: 'system_u', role: 'system_r', type: 'container_t', level: 's0:c0,c1' };
  assert.equal(labelOf(full), 'system_u:system_r:container_t:s0:c0,c1');
  assert.equal(labelOf({ type: 'container_t', level: 's0:c0,c1' }), '::container_t:s0:c0,c1');
  assert.equal(labelOf({ level: 's0:c0,c1' }), ':::s0:c0,c1');
  assert.equal(labelOf({}), '');
  assert.equal(labelOf(), '');
  const cases: readonly [a: string, b: string, conflicts: boolean][] = [
    ['', '', false],
    ['', 'system_u:system_r:container_t', false],
    ['', 'system_u:system_r:container_t:s0:c1,c2', true],
    [':::', 'system_u:system_r:container_t', false],
    ['system_u:system_r:container_t:', 'system_u:system_r', false],
    ['system_u:system_r:container_t:s0:c1,c2', ':::s0:c1,c2', false],
    ['system_u:system_r:container_t:s0:c1,c2', ':::s0:c98,c99', true],
    ['system_u:system_r:container_t:s0:c1,c2', '::other_t:s0:c1,c2', true],
    [':::s0:c1,c2', '', true],
    [':::s0:c1,c2', ':::', true],
  ];
  for (const [a, b, conflicts] of cases) {
    assert.equal(conflict(a, b), conflicts, `${a} ${b}`);
    assert.equal(conflict(b, a), conflicts, `${b} ${a}`);
  }
});

test('a container’s options win over the Pod’s', () => {
  const mount = (name: string) => [{ name, mountPath: '/x' }];
  const pod = {
    spec: {
      securityContext: { seLinuxOptions: { level: 'pod' } },
      initContainers: [{ name: 'i', volumeMounts: mount('both') }],
      containers: [
        { name: 'a', volumeMounts: mount('both'), securityContext: { seLinuxOptions: { level: 'own' } } },
        { name: 'b', volumeMounts: mount('one') },
      ],
    },
  } as unknown as Pod;
  const labels = [...labelsByVolume(pod)].map(([name, set]) => [name, [...set]]);
  assert.deepEqual(labels, [
    ['both', [':::pod', ':::own']],
    ['one', [':::pod']],
  ]);
});

test('odds are told once, to both, and again when a Pod’s label changes', () => {
  const users = new VolumeUsers();
  const use = (label: string, policy = 'MountOption') => new Map([['v', { label, policy }]]);
  assert.deepEqual(users.set('ns/a', use(':::a')), []);
  assert.deepEqual(
    users.set('ns/b', use(':::b')).map(({ property, pod, value, otherValue }) => [property, pod, value, otherValue]),
    [
      ['SELinuxLabel', 'ns/b', ':::b', ':::a'],
      ['SELinuxLabel', 'ns/a', ':::a', ':::b'],
    ],
  );
  assert.deepEqual(users.set('ns/b', use(':::b')), []);
  assert.deepEqual(users.set('ns/b', use(':::a')), []);
  assert.equal(users.set('ns/b', use(':::a', 'Recursive')).length, 2);
  users.set('ns/a', new Map());
  assert.deepEqual(users.set('ns/b', use(':::c')), []);
});

test('Pods that share a volume of a driver that mounts with labels hear of each other', async () => {
  const bed = createTestBed();
  const claimRef = { namespace: 'ns', name: 'data', uid: 'u' };
  const csi = { driver: 'd', volumeHandle: 'h' };
  const pod = (name: string, level: string, more: object = {}) => ({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'ns' }, status: { phase: 'Running' } },
    spec: {
      containers: [{ name: 'c', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
      securityContext: { seLinuxOptions: { level }, ...more },
    },
  });
  bed.api.seed(
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'ns' },
      spec: { volumeName: 'pv' },
    },
    { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv' }, spec: { csi, claimRef } },
    { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: 'd' }, spec: { seLinuxMount: false } },
    ...[pod('a', 's0:c1'), pod('b', 's0:c2'), pod('same', 's0:c2')],
  );
  await bed.start(createSelinuxWarningController(bed.deps));
  assert.deepEqual(bed.told(), [], 'files are labelled one by one: no odds');
  const driver = bed.api.objects(storageV1.CSIDriver)[0];
  assert.ok(driver);
  await bed.client.update(storageV1.CSIDriver, { ...driver, spec: { seLinuxMount: true } }, bed.ctx);
  await bed.clock.advance(1_000);
  const text = (own: string, other: string, level: string) =>
    `SELinuxLabelConflict: SELinuxLabel ":::${own}" conflicts with pod ${other} that uses the same volume as this pod ` +
    `with SELinuxLabel ":::${level}". If both pods land on the same node, only one of them may access the volume.`;
  assert.deepEqual(bed.told('a'), [text('s0:c1', 'b', 's0:c2'), text('s0:c1', 'same', 's0:c2')]);
  assert.deepEqual(bed.told('b'), [text('s0:c2', 'a', 's0:c1')]);
  await bed.client.create(
    coreV1.Pod,
    pod('recursive', 's0:c1', { seLinuxChangePolicy: 'Recursive' }) as never,
    bed.ctx,
  );
  await bed.clock.advance(1_000);
  assert.ok(bed.told('recursive').some((line) => line.startsWith('SELinuxChangePolicyConflict: ')));
  await bed.stop();
});
