/** The test cluster as its users see it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  appsV1,
  batchV1,
  coreV1,
  defineController,
  defineWebhook,
  hollow,
  isReason,
  startTestCluster,
} from './index.ts';
import { defineCustomResource, schema, ApiError } from './index.ts';

const deployment = (name: string, replicas: number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'img:1' }] } },
  },
});

const widget = defineCustomResource({
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  spec: schema.object({ size: schema.integer({ minimum: 1 }), color: schema.withDefault(schema.string(), 'red') }),
  status: schema.object({ phase: schema.optional(schema.string()) }),
});

describe('startTestCluster', () => {
  test('answers at once, with what every cluster holds', async () => {
    await using cluster = await startTestCluster();
    const { items } = await cluster.client.list(coreV1.Namespace, {}, cluster.ctx);
    assert.deepEqual(items.map(({ metadata }) => metadata.name).sort(), [
      'default',
      'kube-node-lease',
      'kube-public',
      'kube-system',
    ]);
    assert.ok(cluster.requests.some(({ path, status }) => path === '/api/v1/namespaces' && status === 200));
  });

  test('a Deployment runs on hollow nodes, and time passes when told to', async () => {
    await using cluster = await startTestCluster({ nodes: hollow(3) });
    await cluster.apply(deployment('web', 4));
    const done = await cluster.eventually('all replicas are available', async () => {
      const found = await cluster.client.get(appsV1.Deployment, { namespace: 'default', name: 'web' }, cluster.ctx);
      return found?.status?.availableReplicas === 4 && found;
    });
    assert.equal(done.status?.readyReplicas, 4);
    const { items } = await cluster.client.list(coreV1.Pod, { namespace: 'default' }, cluster.ctx);
    assert.equal(new Set(items.map(({ status }) => status?.podIP)).size, 4);
    assert.ok(new Set(items.map(({ spec }) => spec.nodeName)).size > 1);
    const before = cluster.ctx.clock.nowMs();
    await cluster.advance('10m');
    assert.equal(cluster.ctx.clock.nowMs() - before, 600_000);
  });

  test('a CronJob runs its Jobs to their end', async () => {
    await using cluster = await startTestCluster({ nodes: hollow(1) });
    await cluster.apply({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'tick', namespace: 'default' },
      spec: {
        schedule: '0 * * * *',
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'img:1' }] } } },
        },
      },
    });
    await cluster.advance('1h5m');
    const { items } = await cluster.client.list(batchV1.Job, { namespace: 'default' }, cluster.ctx);
    assert.equal(items.length, 1);
    assert.ok(items.every(({ status }) => status?.succeeded === 1));
  });

  test('custom resources, webhooks and a controller under test', async () => {
    const noBlue = defineWebhook<{ spec: { color: string } }>({
      name: 'colors.widgets.example.com',
      type: 'validating',
      rules: [{ apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['widgets'], operations: ['CREATE'] }],
      review: ({ object }) =>
        object?.spec.color === 'blue' ? { allowed: false, message: 'blue is out of stock' } : { allowed: true },
    });
    await using cluster = await startTestCluster({
      crds: [widget.definition],
      webhooks: [noBlue],
      controllers: [
        ({ cache, client }) =>
          defineController({
            name: 'widgets',
            primary: widget.kind,
            async reconcile(key, ctx) {
              const found = cache.get(widget.kind, key);
              if (found !== undefined) await client.patchStatus(widget.kind, found, { phase: 'Made' }, ctx);
              return {};
            },
          }),
      ],
    });
    const create = (name: string, color?: string) =>
      cluster.client.create(
        widget.kind,
        { metadata: { name, namespace: 'default' }, spec: { size: 1, ...(color && { color }) } as never },
        cluster.ctx,
      );
    assert.equal((await create('one')).spec.color, 'red');
    await assert.rejects(create('two', 'blue'), /blue is out of stock/);
    await cluster.eventually('the controller has seen it', async () => {
      const found = await cluster.client.get(widget.kind, { namespace: 'default', name: 'one' }, cluster.ctx);
      return found?.status?.phase === 'Made';
    });
  });

  test('a fork goes its own way', async () => {
    await using cluster = await startTestCluster();
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } };
    await cluster.apply({ ...config, data: { who: 'first' } });
    await using fork = await cluster.fork();
    await fork.apply({ ...config, data: { who: 'fork' } });
    const read = async (from: typeof cluster) =>
      (await from.client.get(coreV1.ConfigMap, { namespace: 'default', name: 'c' }, from.ctx))?.data?.who;
    assert.equal(await read(cluster), 'first');
    assert.equal(await read(fork), 'fork');
  });

  test('faults meet controllers, not the test', async () => {
    await using cluster = await startTestCluster({ nodes: hollow(1) });
    const answer = new ApiError('InternalError', 'planned');
    const isPodCreate = ({ method, path }: { method: string; path: string }) =>
      method === 'POST' && path.endsWith('/pods');
    cluster.faults.add({ when: isPodCreate, times: 3, answer });
    await cluster.apply(deployment('web', 1));
    await cluster.eventually('it runs all the same', async () => {
      const found = await cluster.client.get(appsV1.Deployment, { namespace: 'default', name: 'web' }, cluster.ctx);
      return found?.status?.availableReplicas === 1;
    });
  });

  test('RBAC is real', async () => {
    await using cluster = await startTestCluster();
    const nobody = cluster.clientAs({ username: 'nobody', groups: [] });
    const forbidden = (error: unknown) => isReason(error, 'Forbidden');
    await assert.rejects(nobody.list(coreV1.Secret, {}, cluster.ctx), forbidden);
  });

  test('two runs of one seed are the same run', async () => {
    const run = async () => {
      await using cluster = await startTestCluster({ nodes: hollow(2), seed: 7 });
      await cluster.apply(deployment('web', 3));
      await cluster.advance('5m');
      return JSON.stringify(cluster.requests);
    };
    assert.equal(await run(), await run());
  });

  test('a real clock and a port', async () => {
    await using cluster = await startTestCluster({ clock: 'real', transport: 'https' });
    assert.match(cluster.kubeconfig, /server: https:\/\/127\.0\.0\.1:\d+/);
    await assert.rejects(cluster.advance('1s'), /time passes by itself/);
    await cluster.stop();
  });
});
