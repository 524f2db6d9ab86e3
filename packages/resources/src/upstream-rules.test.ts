/** Rules that test/upstream/validation found to be otherwise upstream, with upstream's words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnknownObject } from '@kapella/api';
import { persistentVolumeClaimResource } from './core/persistentvolumeclaim/persistentvolumeclaim.resource.ts';
import { persistentVolumeResource } from './core/persistentvolume/persistentvolume.resource.ts';
import { namespaceResource } from './core/namespace/namespace.resource.ts';
import { nodeResource } from './core/node/node.resource.ts';
import { podResource } from './core/pod/pod.resource.ts';
import { endpointSliceResource } from './discovery/endpointslice/endpointslice.resource.ts';
import { ingressClassResource } from './networking/ingressclass/ingressclass.resource.ts';
import { clusterRoleResource } from './rbac/clusterrole/clusterrole.resource.ts';
import { priorityClassResource } from './scheduling/priorityclass/priorityclass.resource.ts';
import { storageClassResource } from './storage/storageclass/storageclass.resource.ts';
import { createErrors, updateErrors } from './testing/harness.ts';

const metadata = { name: 'x', namespace: 'ns' };
const objectOf = (part: object) => ({ metadata, ...part }) as unknown as UnknownObject;
const created = (resource: unknown, part: object) => [...createErrors(resource as never, objectOf(part) as never)];
const updated = (resource: unknown, next: object, old: object) => [
  ...updateErrors(resource as never, objectOf(next) as never, objectOf(old) as never),
];
const hasAll = (found: readonly string[], wanted: readonly string[]) => {
  for (const message of wanted) assert.ok(found.includes(message), `${message}\nis not in\n${found.join('\n')}`);
};

test('volumes of Pods', () => {
  const volumes = [
    { name: 'a', nfs: { server: 's', path: 'relative' } },
    { name: 'b', csi: { driver: 'x'.repeat(64), nodePublishSecretRef: { name: '' } } },
    { name: 'c', csi: { driver: 'Upper.example.com' } },
  ];
  const lifecycle = { preStop: { sleep: { seconds: 1 } } };
  const containers = [{ name: 'c', image: 'i', lifecycle }];
  const spec = { containers, volumes, terminationGracePeriodSeconds: -1 };
  assert.deepEqual(created(podResource, { spec }), [
    'spec.volumes[0].nfs.path: Invalid value: "relative": must be an absolute path',
    'spec.volumes[1].csi.driver: Too long: may not be more than 63 bytes',
    'spec.volumes[1].csi.nodePublishSecretRef.name: Required value',
  ]);
});

test('PersistentVolumes', () => {
  const csi = { driver: 'd', volumeHandle: 'h', nodePublishSecretRef: { name: '', namespace: '' } };
  const spec = { accessModes: ['ReadWriteOnce'], csi };
  hasAll(created(persistentVolumeResource, { metadata: { name: 'x' }, spec }), [
    'spec.capacity: Unsupported value: null: supported values: "storage"',
    'spec.csi.nodePublishSecretRef.name: Required value',
    'spec.csi.nodePublishSecretRef.namespace: Required value',
  ]);
  const affinity = (zone: string) => ({
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'z', operator: 'In', values: [zone] }] }] },
  });
  const volume = (zone: string) => ({
    metadata: { name: 'x' },
    spec: {
      ...spec,
      csi: { driver: 'd', volumeHandle: 'h' },
      capacity: { storage: '1Gi' },
      nodeAffinity: affinity(zone),
    },
  });
  const [only = ''] = updated(persistentVolumeResource, volume('a'), volume('b'));
  assert.match(
    only,
    /^nodeAffinity: Invalid value: .*: field is immutable, except for updating from beta label to GA$/,
  );
});

test('a claim that has a source keeps any, and both ways of saying it stay the same', () => {
  const base = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  const source = { apiGroup: 'g.example.com', kind: 'K', name: 'n' };
  const claim = (more: object) => ({ spec: { ...base, dataSource: source, dataSourceRef: source, ...more } });
  const found = updated(persistentVolumeClaimResource, claim({ dataSource: { ...source, name: 'other' } }), claim({}));
  hasAll(found, ['spec: Invalid value: "spec.dataSource": must match dataSourceRef']);
});

test('finalizers of Namespaces and taints of Nodes', () => {
  hasAll(created(namespaceResource, { metadata: { name: 'x' }, spec: { finalizers: ['bad'] } }), [
    'spec.finalizers: Invalid value: "bad": name is neither a standard finalizer name nor is it fully qualified',
  ]);
  const taint = { key: 'k', effect: 'NoSchedule' };
  assert.match(
    created(nodeResource, { metadata: { name: 'x' }, spec: { taints: [taint, taint] } })[0] ?? '',
    /^metadata\.taints\[1\]: Duplicate value: .*: taints must be unique by key and effect pair$/,
  );
});

test('EndpointSlices: hints are labels and unique, ports may be any number', () => {
  const endpoint = { addresses: ['10.0.0.1'], hints: { forZones: [{ name: 'z' }, { name: 'z' }, { name: '%' }] } };
  const ports = [{ name: 'a', port: 70_000, protocol: 'ICMP' }];
  const found = created(endpointSliceResource, { addressType: 'IPv4', endpoints: [endpoint], ports });
  assert.equal(found[0], 'endpoints[0].hints.forZones[1].name: Duplicate value: "z"');
  assert.match(
    found[1] ?? '',
    /^endpoints\[0\]\.hints\.forZones\[2\]\.name: Invalid value: "%": a valid label must be/,
  );
  assert.equal(found[2], 'ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"');
  assert.equal(found.length, 3);
});

test('selectors that cannot be used, empty policies, updates of StorageClasses', () => {
  const clusterRoleSelectors = [{ matchLabels: { a: 'not good!' } }];
  const role = created(clusterRoleResource, { metadata: { name: 'x' }, aggregationRule: { clusterRoleSelectors } });
  hasAll(role, ['aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.']);
  assert.deepEqual(created(priorityClassResource, { metadata: { name: 'x' }, value: 1, preemptionPolicy: '' }), [
    'preemptionPolicy: Required value',
  ]);
  const term = { matchLabelExpressions: [{ key: 'z', values: ['a', 'b'] }] };
  const same = { matchLabelExpressions: [{ key: 'z', values: ['b', 'a'] }] };
  const storage = { metadata: { name: 'x' }, provisioner: 'p.example.com', volumeBindingMode: 'Immediate' };
  const next = { ...storage, reclaimPolicy: 'Odd', allowedTopologies: [term, same] };
  hasAll(updated(storageClassResource, next, { ...storage, reclaimPolicy: 'Delete' }), [
    'reclaimPolicy: Unsupported value: "Odd": supported values: "Delete", "Retain"',
    'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
    'reclaimPolicy: Invalid value: "Odd": field is immutable',
  ]);
});

test('an IngressClass whose controller is taken away', () => {
  const old = { spec: { controller: 'example.com/c' } };
  hasAll(updated(ingressClassResource, { spec: {} }, old), ['spec.controller: Invalid value: "": field is immutable']);
});

test('a StorageClass whose volumeBindingMode is empty', () => {
  const found = created(storageClassResource, { provisioner: 'example.com/p', volumeBindingMode: '' });
  hasAll(found, ['volumeBindingMode: Unsupported value: "": supported values: "Immediate", "WaitForFirstConsumer"']);
});
