/** Pods with claims: bound, to be bound, to be made, shared, attached too often. As upstream's filters tell it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { createStaticLookup } from '../../framework/cluster-lookup.ts';
import { aNode, aPod, TestCluster } from '../../test-support.ts';

const ZONE = 'topology.kubernetes.io/zone';
const nodes = [aNode('n1', { labels: { [ZONE]: 'a' } }), aNode('n2', { labels: { [ZONE]: 'b' } })];
const BOUND = { 'pv.kubernetes.io/bind-completed': 'yes' };
type Json = Readonly<Record<string, unknown>>;

function claim(name: string, spec: Json = {}, more: Json = {}) {
  const resources = { requests: { storage: '5Gi' } };
  const metadata = { name, namespace: 'default', uid: name, ...(more['metadata'] as Json) };
  return { kind: 'PersistentVolumeClaim', metadata, spec: { accessModes: ['ReadWriteOnce'], resources, ...spec } };
}
const boundTo = (name: string, volumeName: string, spec: Json = {}) =>
  claim(name, { volumeName, ...spec }, { metadata: { annotations: BOUND } });

function volume(name: string, spec: Json = {}, labels: Json = {}) {
  const base = { accessModes: ['ReadWriteOnce'], capacity: { storage: '10Gi' } };
  return {
    kind: 'PersistentVolume',
    metadata: { name, labels },
    spec: { ...base, ...spec },
    status: { phase: 'Available' },
  };
}
const inZone = (zone: string) => ({
  nodeAffinity: {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In', values: [zone] }] }] },
  },
});
const storageClass = (name: string, provisioner: string, more: Json = {}) => ({
  kind: 'StorageClass',
  ...{ metadata: { name }, provisioner, volumeBindingMode: 'WaitForFirstConsumer', ...more },
});
const user = (name: string, claimName: string, spec: Json = {}): Pod =>
  aPod(name, { spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }], ...spec } });

function outcome(pod: Pod, objects: readonly unknown[], placed: readonly Pod[] = []): string {
  return new TestCluster(nodes, placed, { lookup: createStaticLookup(objects as never) }).outcome(pod);
}
const all = (reason: string, count = 2) => `0/2 nodes are available: ${count === 0 ? '' : `${count} `}${reason}.`;

describe('bound claims', () => {
  test('where the volume can be reached', () => {
    const objects = [boundTo('c', 'v'), volume('v', inZone('b'))];
    assert.equal(outcome(user('p', 'c'), objects), 'n2');
    const nowhere = [boundTo('c', 'v'), volume('v', inZone('x'))];
    assert.equal(outcome(user('p', 'c'), nowhere), all("node(s) didn't match PersistentVolume's node affinity"));
  });

  test('by the labels of old volumes', () => {
    assert.equal(outcome(user('p', 'c'), [boundTo('c', 'v'), volume('v', {}, { [ZONE]: 'a__x' })]), 'n1');
    const other = [boundTo('c', 'v'), volume('v', {}, { [ZONE]: 'x' })];
    assert.equal(outcome(user('p', 'c'), other), all('node(s) had no available volume zone'));
  });

  test('says what is missing', () => {
    assert.equal(outcome(user('p', 'c'), []), all('persistentvolumeclaim "c" not found', 0));
    const immediate = [
      claim('c', { storageClassName: 'now' }),
      storageClass('now', 'x', { volumeBindingMode: 'Immediate' }),
    ];
    assert.equal(outcome(user('p', 'c'), immediate), all('pod has unbound immediate PersistentVolumeClaims', 0));
    const deleted = claim('c', {}, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    assert.equal(outcome(user('p', 'c'), [deleted]), all('persistentvolumeclaim "c" is being deleted', 0));
  });
});

describe('claims that wait for a node', () => {
  const local = storageClass('local', 'kubernetes.io/no-provisioner');
  const wanted = claim('c', { storageClassName: 'local' });

  test('a free volume of the class that is large enough, on its node', () => {
    const own = { storageClassName: 'local', ...inZone('b') };
    assert.equal(outcome(user('p', 'c'), [local, wanted, volume('v', own)]), 'n2');
    const none = all("node(s) didn't find available persistent volumes to bind");
    assert.equal(outcome(user('p', 'c'), [local, wanted, volume('v', { ...own, capacity: { storage: '1Gi' } })]), none);
    assert.equal(
      outcome(user('p', 'c'), [local, wanted, volume('v', { ...own, claimRef: { name: 'x', namespace: 'y' } })]),
      none,
    );
    assert.equal(outcome(user('p', 'c'), [local, wanted]), none);
  });

  test('a driver makes one where its class and its capacity allow', () => {
    const topology = { allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE, values: ['a'] }] }] };
    const fast = storageClass('fast', 'csi.example', topology);
    const c = claim('c', { storageClassName: 'fast' });
    assert.equal(outcome(user('p', 'c'), [fast, c]), 'n1');
    const driver = { kind: 'CSIDriver', metadata: { name: 'csi.example' }, spec: { storageCapacity: true } };
    const open = storageClass('fast', 'csi.example');
    const capacity = (size: string) => ({
      ...{ kind: 'CSIStorageCapacity', metadata: { name: 'k', namespace: 'default' }, storageClassName: 'fast' },
      ...{ capacity: size, nodeTopology: { matchLabels: { [ZONE]: 'b' } } },
    });
    assert.equal(outcome(user('p', 'c'), [open, c, driver, capacity('20Gi')]), 'n2');
    const full = all('node(s) did not have enough free storage');
    assert.equal(outcome(user('p', 'c'), [open, c, driver, capacity('1Gi')]), full);
  });

  test('a node that was chosen before stays the one', () => {
    const metadata = { annotations: { 'volume.kubernetes.io/selected-node': 'n2' } };
    const c = claim('c', { storageClassName: 'fast' }, { metadata });
    assert.equal(outcome(user('p', 'c'), [storageClass('fast', 'csi.example'), c]), 'n2');
  });
});

describe('shared and counted', () => {
  test('one Pod at a time for a claim that says so', () => {
    const once = boundTo('c', 'v', { accessModes: ['ReadWriteOncePod'] });
    const reason =
      'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod';
    const first = user('first', 'c', { nodeName: 'n1' });
    assert.equal(outcome(user('p', 'c'), [once, volume('v')], [first]), all(reason));
    assert.ok(['n1', 'n2'].includes(outcome(user('p', 'c'), [once, volume('v')])));
  });

  test('one writer of a disk', () => {
    const disk = (readOnly: boolean) => ({ volumes: [{ name: 'd', gcePersistentDisk: { pdName: 'x', readOnly } }] });
    const first = aPod('first', { spec: { ...disk(false), nodeName: 'n1' } });
    assert.equal(outcome(aPod('p', { spec: disk(false) }), [], [first]), 'n2');
    const reader = aPod('first', { spec: { ...disk(true), nodeName: 'n1' } });
    const second = aPod('second', { spec: { ...disk(true), nodeName: 'n2' } });
    assert.ok(outcome(aPod('p', { spec: disk(true) }), [], [reader, second]).startsWith('n'));
  });

  test('no more volumes than the driver can attach, each counted once', () => {
    const csi = (handle: string) => ({ csi: { driver: 'csi.example', volumeHandle: handle } });
    const limit = (name: string) => ({
      ...{ kind: 'CSINode', metadata: { name } },
      spec: { drivers: [{ name: 'csi.example', nodeID: name, allocatable: { count: 1 } }] },
    });
    const objects = [
      ...[limit('n1'), limit('n2'), boundTo('a', 'va'), boundTo('b', 'vb')],
      ...[volume('va', csi('va')), volume('vb', csi('vb'))],
    ];
    const first = user('first', 'a', { nodeName: 'n1' });
    assert.equal(outcome(user('p', 'b'), objects, [first]), 'n2');
    const second = user('second', 'a', { nodeName: 'n2' });
    assert.equal(outcome(user('p', 'b'), objects, [first, second]), all('node(s) exceed max volume count'));
    assert.ok(outcome(user('p', 'a'), objects, [first, second]).startsWith('n'), 'the same volume again costs nothing');
  });
});
