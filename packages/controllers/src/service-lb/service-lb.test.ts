/** Load balancers come and go with their Services, and tell what happens in upstream's words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import type { LoadBalancer } from '../cloud/cloud-provider.ts';
import { createTestBed } from '../shared/test-bed.ts';
import { isBackend, LB_FINALIZER, needsUpdate, nodeNamesText } from './plan-service-lb.ts';
import { createServiceLbController } from './service-lb.controller.ts';

const service = (spec: object = {}, name = 'web') => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
});
const node = (name: string, labels: object = {}, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  spec,
});

function fakeCloud() {
  const calls: string[] = [];
  const made = new Map<string, string[]>();
  const state = { failure: undefined as Error | undefined };
  const namesOf = (nodes: readonly { metadata: { name: string } }[]) =>
    nodes.map(({ metadata }) => metadata.name).sort();
  const balancer: LoadBalancer = {
    get: async ({ metadata }) => (made.has(metadata.name) ? { ingress: [{ ip: '192.0.2.1' }] } : undefined),
    async ensure({ metadata }, nodes) {
      calls.push(`ensure ${metadata.name} ${namesOf(nodes)}`);
      if (state.failure !== undefined) throw state.failure;
      made.set(metadata.name, namesOf(nodes));
      return { ingress: [{ ip: '192.0.2.1' }] };
    },
    async update({ metadata }, nodes) {
      calls.push(`update ${metadata.name} ${namesOf(nodes)}`);
    },
    async ensureDeleted({ metadata }) {
      calls.push(`delete ${metadata.name}`);
      made.delete(metadata.name);
    },
  };
  return { balancer, calls, state };
}

test('what concerns a cloud: as upstream’s TestNeedsUpdate', () => {
  const of = (spec: object, metadata: object = {}) => ({ ...service(spec), metadata }) as never;
  const cases: readonly [next: object, old: object, metadata: object, update: boolean][] = [
    [{}, {}, {}, false],
    [{ type: 'ClusterIP' }, {}, {}, true],
    [{ type: 'ClusterIP' }, { type: 'NodePort' }, {}, false],
    [{ loadBalancerSourceRanges: ['10.0.0.0/8'] }, {}, {}, true],
    [{ loadBalancerIP: '192.0.2.2' }, {}, {}, true],
    [{ externalIPs: ['192.0.2.2'] }, {}, {}, true],
    [{ ports: [{ port: 80, targetPort: 8080 }] }, {}, {}, true],
    [{ ports: [{ port: 80 }, { port: 81 }] }, {}, {}, true],
    [{ sessionAffinity: 'ClientIP' }, {}, {}, true],
    [{ externalTrafficPolicy: 'Local' }, {}, {}, true],
    [{ healthCheckNodePort: 30000 }, {}, {}, true],
    [{ ipFamilies: ['IPv4', 'IPv6'] }, { ipFamilies: ['IPv4'] }, {}, true],
    [{ selector: { a: 'b' } }, {}, {}, false],
    [{}, {}, { annotations: { a: 'b' } }, true],
    [{}, {}, { uid: 'other' }, true],
    [{ loadBalancerClass: 'x' }, { loadBalancerClass: 'x' }, { annotations: { a: 'b' } }, false],
  ];
  for (const [next, old, metadata, update] of cases)
    assert.equal(needsUpdate(of(next, metadata), of(old)), update, JSON.stringify([next, old, metadata]));
});

test('which nodes traffic may go to', () => {
  const exclude = (value: string) => node('n', { 'node.kubernetes.io/exclude-from-external-load-balancers': value });
  assert.equal(isBackend(node('n') as never), true);
  assert.equal(isBackend(exclude('') as never), false);
  assert.equal(isBackend(exclude('true') as never), false);
  assert.equal(isBackend(exclude('false') as never), true);
  assert.equal(isBackend(node('n', {}, { taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }] }) as never), false);
  const many = Array.from({ length: 22 }, (_, i) => node(`n${String(i).padStart(2, '0')}`));
  assert.match(nodeNamesText(many as never), /^\[n00 .* n19 <2 more>\]$/);
});

test('made with a finalizer, changed with its nodes, removed before the Service goes', async () => {
  const bed = createTestBed('service-controller');
  const { balancer, calls } = fakeCloud();
  bed.api.seed(
    node('a'),
    service(),
    service({ type: 'ClusterIP' }, 'inner'),
    service({ loadBalancerClass: 'x' }, 'else'),
  );
  await bed.start(createServiceLbController(bed.deps, balancer));
  const web = () => bed.api.objects(coreV1.Service).find(({ metadata }) => metadata.name === 'web');
  assert.deepEqual(web()?.metadata.finalizers, [LB_FINALIZER]);
  assert.deepEqual(web()?.status?.loadBalancer, { ingress: [{ ip: '192.0.2.1' }] });
  assert.deepEqual(bed.told('web'), [
    'EnsuringLoadBalancer: Ensuring load balancer',
    'EnsuredLoadBalancer: Ensured load balancer',
  ]);
  await bed.client.create(coreV1.Node, node('b') as never, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(calls, ['ensure web a', 'update web a,b']);
  assert.equal(bed.told('web').at(-1), 'UpdatedLoadBalancer: Updated load balancer with new hosts');

  await bed.client.delete(coreV1.Service, { namespace: 'default', name: 'web' }, bed.ctx);
  await bed.clock.advance(100);
  assert.equal(web(), undefined);
  assert.equal(calls.at(-1), 'delete web');
  assert.deepEqual(bed.told('web').slice(-2), [
    'DeletingLoadBalancer: Deleting load balancer',
    'DeletedLoadBalancer: Deleted load balancer',
  ]);
  await bed.stop();
});

test('a Service that wants none any more loses it; a cloud that fails is asked again', async () => {
  const bed = createTestBed('service-controller');
  const { balancer, calls, state } = fakeCloud();
  state.failure = new Error('quota exceeded');
  bed.api.seed(node('a'), service());
  await bed.start(createServiceLbController(bed.deps, balancer));
  const failed = 'SyncLoadBalancerFailed: Error syncing load balancer: failed to ensure load balancer: quota exceeded';
  assert.equal(bed.told('web').at(-1), failed);
  state.failure = undefined;
  await bed.clock.advance(6_000);
  const web = () => bed.api.objects(coreV1.Service)[0];
  assert.deepEqual(calls, ['ensure web a', 'ensure web a']);
  const patch = { type: 'merge', body: { spec: { type: 'ClusterIP' } } } as const;
  await bed.client.patch(coreV1.Service, { namespace: 'default', name: 'web' }, patch, bed.ctx);
  await bed.clock.advance(100);
  assert.deepEqual(web()?.metadata.finalizers ?? [], []);
  assert.deepEqual(web()?.status?.loadBalancer?.ingress ?? [], []);
  assert.equal(calls.at(-1), 'delete web');
  await bed.stop();
});
