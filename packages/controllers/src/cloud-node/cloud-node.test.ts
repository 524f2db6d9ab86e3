/** Nodes as their cloud tells of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import type { Instances } from '../cloud/cloud-provider.ts';
import { createTestBed } from '../shared/test-bed.ts';
import { createCloudNodeController, createCloudNodeLifecycleController } from './cloud-node.controller.ts';
import { plannedAddresses, UNINITIALIZED_TAINT } from './plan-cloud-node.ts';

const node = (name: string, taints: object[] = [], ready = 'True', metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, ...metadata },
  spec: { taints },
  status: { conditions: [{ type: 'Ready', status: ready }], addresses: [{ type: 'Hostname', address: name }] },
});
const cloud = (more: Partial<Instances> = {}): Instances => ({
  exists: async () => true,
  isShutDown: async () => false,
  metadata: async ({ metadata }) => ({
    providerId: `fake://${metadata.name}`,
    instanceType: 't1',
    addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
    zone: 'z',
    region: 'r',
    additionalLabels: { 'example.com/rack': '1', 'x.kubernetes.io/odd': 'y' },
  }),
  ...more,
});

test('a new node gets ID, labels and addresses, and loses its taint', async () => {
  const bed = createTestBed();
  const taints = [
    { key: UNINITIALIZED_TAINT, effect: 'NoSchedule' },
    { key: 'own', effect: 'NoSchedule' },
  ];
  bed.api.seed(node('a', taints), node('b', [], 'True', { labels: { 'beta.kubernetes.io/instance-type': 't2' } }));
  await bed.start(createCloudNodeController(bed.deps, cloud()));
  const [a, b] = bed.api.objects(coreV1.Node);
  assert.equal(a?.spec.providerID, 'fake://a');
  assert.deepEqual(a?.spec.taints, [taints[1]]);
  assert.deepEqual(a?.metadata.labels, {
    'failure-domain.beta.kubernetes.io/zone': 'z',
    'topology.kubernetes.io/zone': 'z',
    'failure-domain.beta.kubernetes.io/region': 'r',
    'topology.kubernetes.io/region': 'r',
    'beta.kubernetes.io/instance-type': 't1',
    'node.kubernetes.io/instance-type': 't1',
    'example.com/rack': '1',
  });
  assert.deepEqual(
    a?.status?.addresses?.map(({ address }) => address),
    ['10.0.0.1', 'a'],
  );
  assert.equal(b?.metadata.labels?.['node.kubernetes.io/instance-type'], 't2');
  assert.deepEqual(bed.told('a'), ['Synced: Node synced successfully']);
  await bed.stop();
});

test('the address that a node was given stands first, and must be one of the cloud’s', () => {
  const of = (ip: string) =>
    node('a', [], 'True', { annotations: { 'alpha.kubernetes.io/provided-node-ip': ip } }) as never;
  const found = [
    { type: 'InternalIP', address: '10.0.0.1' },
    { type: 'InternalIP', address: '10.0.0.2' },
  ];
  assert.deepEqual(
    plannedAddresses(of('10.0.0.2'), found)?.map(({ address }) => address),
    ['10.0.0.2', '10.0.0.1', 'a'],
  );
  assert.throws(() => plannedAddresses(of('10.9.9.9'), found), /matches ip: 10.9.9.9/);
});

test('a silent node that the cloud has not is deleted, one that is shut down is tainted until it is back', async () => {
  const bed = createTestBed();
  const instances = cloud({
    exists: async ({ metadata }) => metadata.name !== 'gone' && metadata.name !== 'ready',
    isShutDown: async ({ metadata }) => metadata.name === 'off',
  });
  bed.api.seed(node('gone', [], 'Unknown'), node('ready'), node('off', [], 'False'), node('ill', [], 'False'));
  await bed.start(createCloudNodeLifecycleController(bed.deps, instances));
  await bed.clock.advance(5_000);
  assert.deepEqual(bed.names(bed.api.objects(coreV1.Node)), ['ill', 'off', 'ready']);
  assert.deepEqual(bed.told('gone'), [
    'DeletingNode: Deleting node gone because it does not exist in the cloud provider',
  ]);
  const taints = (name: string) =>
    bed.api.objects(coreV1.Node).find((n) => n.metadata.name === name)?.spec.taints ?? [];
  assert.equal(taints('off')[0]?.key, 'node.cloudprovider.kubernetes.io/shutdown');
  assert.deepEqual(taints('ill'), []);
  const off = bed.api.objects(coreV1.Node).find(({ metadata }) => metadata.name === 'off')!;
  await bed.client.patchStatus(coreV1.Node, off, { conditions: [{ type: 'Ready', status: 'True' }] } as never, bed.ctx);
  await bed.clock.advance(6_000);
  assert.deepEqual(taints('off'), []);
  await bed.stop();
});
