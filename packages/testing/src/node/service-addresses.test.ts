/** Addresses of Services through the API: their records, further networks, repair. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, networkingV1 } from '@kapella/api';
import { isReason, startTestCluster, type TestCluster } from './index.ts';

const service = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...spec },
});
const network = (name: string, ...cidrs: string[]) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name },
  spec: { cidrs },
});

const start = () => startTestCluster({ controllers: ['service-cidr-controller'] });
const recordOf = (cluster: TestCluster, name: string) =>
  cluster.client.get(networkingV1.IPAddress, { name }, cluster.ctx);
const cidrOf = (cluster: TestCluster, name: string) =>
  cluster.client.get(networkingV1.ServiceCIDR, { name }, cluster.ctx);
const create = (cluster: TestCluster, object: ReturnType<typeof service>) =>
  cluster.client.create(coreV1.Service, object as never, cluster.ctx);

async function eventsOf(cluster: TestCluster, reason: string): Promise<string[]> {
  const { items } = await cluster.client.list(coreV1.Event, {}, cluster.ctx);
  return items.filter((event) => event.reason === reason).map(({ message = '' }) => message);
}

test('the network of the server is a ServiceCIDR, and the first Service has a record', async () => {
  await using cluster = await start();
  const found = await cluster.eventually('it is protected', async () => {
    const cidr = await cidrOf(cluster, 'kubernetes');
    return cidr?.metadata.finalizers?.includes('networking.k8s.io/service-cidr-finalizer') && cidr;
  });
  const ready = found.status?.conditions?.find(({ type }) => type === 'Ready');
  assert.equal(ready?.status, 'True');
  const first = await cluster.client.get(coreV1.Service, { namespace: 'default', name: 'kubernetes' }, cluster.ctx);
  const record = await recordOf(cluster, first?.spec.clusterIP ?? '');
  assert.deepEqual(record?.spec?.parentRef, { resource: 'services', namespace: 'default', name: 'kubernetes' });
  assert.deepEqual(record?.metadata.labels, {
    'ipaddress.kubernetes.io/ip-family': 'IPv4',
    'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
  });
});

test('a record comes and goes with its Service, and not with one that was refused', async () => {
  await using cluster = await start();
  const made = await create(cluster, service('web'));
  const ip = made.spec.clusterIP ?? '';
  assert.equal((await recordOf(cluster, ip))?.spec?.parentRef?.name, 'web');
  const count = async () => (await cluster.client.list(networkingV1.IPAddress, {}, cluster.ctx)).items.length;
  const before = await count();
  await assert.rejects(create(cluster, service('web')), (error) => isReason(error, 'AlreadyExists'));
  await assert.rejects(create(cluster, service('bad', { ports: [{ port: 0 }] })), (error) =>
    isReason(error, 'Invalid'),
  );
  await assert.rejects(create(cluster, service('same', { clusterIP: ip })), /provided IP is already allocated/);
  await cluster.client.create(coreV1.Service, service('dry') as never, cluster.ctx, { dryRun: true });
  assert.equal(await count(), before);
  await cluster.client.delete(coreV1.Service, { namespace: 'default', name: 'web' }, cluster.ctx);
  assert.equal(await recordOf(cluster, ip), undefined);
});

test('another network gives addresses when it is ready, and goes when nobody needs it', async () => {
  await using cluster = await start();
  const outside = service('far', { clusterIP: '198.51.100.7' });
  await assert.rejects(create(cluster, outside), /the provided network does not match the current range/);
  await cluster.apply(network('more', '198.51.100.0/24'));
  await cluster.eventually('it is ready', async () => {
    const cidr = await cidrOf(cluster, 'more');
    return cidr?.status?.conditions?.some(({ status }) => status === 'True') ?? false;
  });
  await create(cluster, outside);
  await assert.rejects(
    create(cluster, service('base', { clusterIP: '198.51.100.0' })),
    /the provided IP \(198.51.100.0\) is not in the valid range. The range of valid IPs is 198.51.100.0\/24/,
  );
  await cluster.client.delete(networkingV1.ServiceCIDR, { name: 'more' }, cluster.ctx);
  const held = await cluster.eventually('it says what holds it', async () => {
    const ready = (await cidrOf(cluster, 'more'))?.status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'False' && ready;
  });
  assert.equal(held.reason, 'Terminating');
  const next = service('next', { clusterIP: '198.51.100.8' });
  await assert.rejects(create(cluster, next), /the provided network does not match the current range/);
  await cluster.client.delete(coreV1.Service, { namespace: 'default', name: 'far' }, cluster.ctx);
  await cluster.eventually('it is gone', async () => (await cidrOf(cluster, 'more')) === undefined);
});

test('records that are lost are made anew, and those that nobody needs are taken away', async () => {
  await using cluster = await start();
  const made = await create(cluster, service('web'));
  const ip = made.spec.clusterIP ?? '';
  await cluster.client.delete(networkingV1.IPAddress, { name: ip }, cluster.ctx);
  await cluster.eventually('it is back', async () => (await recordOf(cluster, ip)) !== undefined);
  const lost = await cluster.eventually('the Service is told', async () => {
    const found = await eventsOf(cluster, 'ClusterIPNotAllocated');
    return found.length > 0 && found;
  });
  assert.deepEqual(lost, [`Cluster IP [IPv4]: ${ip} is not allocated; repairing`]);

  const leaked = { ...(await recordOf(cluster, ip)), metadata: { name: '192.0.2.9', labels: {} } };
  leaked.metadata.labels = {
    'ipaddress.kubernetes.io/ip-family': 'IPv4',
    'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
  };
  leaked.spec = { parentRef: { group: '', resource: 'services', namespace: 'default', name: 'gone' } } as never;
  await cluster.apply(leaked);
  await cluster.advance('30s');
  assert.ok((await recordOf(cluster, '192.0.2.9')) !== undefined, 'its Service may be under way');
  await cluster.advance('40s');
  await cluster.eventually('it is taken away', async () => (await recordOf(cluster, '192.0.2.9')) === undefined);
  const [told] = await eventsOf(cluster, 'IPAddressNotAllocated');
  assert.equal(told, 'IPAddress: 192.0.2.9 for Service default/gone appears to have leaked: cleaning up');
});
