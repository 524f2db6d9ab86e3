/** The operator on a whole cluster in this process, each test in milliseconds. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import {
  appsV1,
  type ClusterSnapshot,
  coreV1,
  hollow,
  isConditionTrue,
  startTestCluster,
  type TestCluster,
} from '@kapella/testing';
import { createRedisController } from './controller.ts';
import { type Redis, type RedisSpec, redis } from './redis.ts';
import { webhooks } from './webhooks.ts';

const options = { controllers: ['*', createRedisController], nodes: hollow(2), webhooks };
let snapshot: ClusterSnapshot;
let cluster: TestCluster;

before(async () => {
  await using first = await startTestCluster({ crds: [redis.definition], webhooks });
  snapshot = await first.snapshot();
});
beforeEach(async () => {
  cluster = await snapshot.start(options);
});
afterEach(() => cluster.stop());
after(() => cluster.stop());

const name = { namespace: 'default', name: 'cache' };
const create = (spec: Partial<RedisSpec> = {}) =>
  cluster.client.create(redis.kind, { metadata: name, spec: spec as RedisSpec }, cluster.ctx);
const read = () => cluster.client.get(redis.kind, name, cluster.ctx);
const ready = (): Promise<Redis> =>
  cluster.eventually('it is ready', async () => {
    const found = await read();
    return isConditionTrue(found?.status?.conditions, 'Ready') && found;
  });

describe('the Redis operator', () => {
  test('runs what is asked for, and says so', async () => {
    assert.equal((await create({ replicas: 3, memory: '64Mi' })).spec.image, 'redis:7');
    const found = await ready();
    assert.equal(found.status?.readyReplicas, 3);
    assert.equal(found.status?.observedGeneration, found.metadata.generation);
    const config = await cluster.client.get(coreV1.ConfigMap, { ...name, name: 'redis-cache' }, cluster.ctx);
    assert.equal(config?.data?.['redis.conf'], 'maxmemory 64mb\n');
  });

  test('rolls its Pods when settings change', async () => {
    await create({ replicas: 2 });
    await ready();
    const set = { ...name, name: 'redis-cache' };
    const before = await cluster.client.get(appsV1.StatefulSet, set, cluster.ctx);
    const body = { spec: { settings: { appendonly: 'yes' } } };
    await cluster.client.patch(redis.kind, name, { type: 'merge', body }, cluster.ctx);
    await cluster.eventually(
      'all Pods are of the new revision',
      async () => {
        const now = await cluster.client.get(appsV1.StatefulSet, set, cluster.ctx);
        return now?.status?.updateRevision !== before?.status?.updateRevision && now?.status?.updatedReplicas === 2;
      },
      { within: '5m' },
    );
  });

  test('webhooks fill in what is missing and refuse what cannot be', async () => {
    assert.equal((await create({ image: 'registry.example.com/redis' })).spec.image, 'registry.example.com/redis:7');
    const refused = cluster.client.patch(
      redis.kind,
      name,
      { type: 'merge', body: { spec: { settings: { maxmemory: '1gb' } } } },
      cluster.ctx,
    );
    await assert.rejects(refused, /maxmemory follows from spec.memory/);
  });

  test('takes its claims with it when told to, and everything it owns in any case', async () => {
    await create({ keepData: false });
    await ready();
    const labels = { 'app.kubernetes.io/instance': 'cache' };
    const claim = {
      metadata: { namespace: 'default', name: 'data', labels },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    } as const;
    await cluster.client.create(coreV1.PersistentVolumeClaim, claim, cluster.ctx);
    await cluster.client.delete(redis.kind, name, cluster.ctx);
    await cluster.eventually('nothing is left', async () => {
      const { items: claims } = await cluster.client.list(coreV1.PersistentVolumeClaim, {}, cluster.ctx);
      const { items: pods } = await cluster.client.list(coreV1.Pod, { namespace: 'default' }, cluster.ctx);
      return (await read()) === undefined && claims.length === 0 && pods.length === 0;
    });
  });

  test('goes on where it was when the API fails now and then', async () => {
    cluster.faults.add({ share: 0.2, lose: 'answer', when: ({ method }) => method !== 'GET' });
    await create({ replicas: 2 });
    const found = await cluster.eventually(
      'it is ready',
      async () => {
        const object = await read();
        return isConditionTrue(object?.status?.conditions, 'Ready') && object;
      },
      { within: '10m' },
    );
    assert.equal(found.status?.readyReplicas, 2);
  });
});
