/** The whole control plane in memory, with authorization: what a user does, what the cluster makes of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { appsV1, batchV1, coreV1, discoveryV1, networkingV1, rbacV1, schedulingV1 } from '@kapella/api';
import {
  type ApiServer,
  createApiServer,
  createAuthenticator,
  createAuthorizerChain,
  createMetricsRegistry,
  createRbacAuthorizer,
} from '@kapella/apiserver';
import { createVirtualClock, isReason, silentLogger } from '@kapella/base';
import { hostCtx, hostRandom } from '@kapella/base/node';
import type { Client } from '@kapella/client';
import { createServiceAllocator } from '@kapella/resources';
import { createMemoryStore } from '@kapella/store';
import { bootstrapCluster, keepBootstrapped } from './bootstrap/bootstrap.ts';
import { clientFor, defaultAdmission, MASTER, runComponents } from './control-plane.ts';
import { clusterControllers } from './controllers.ts';
import { createComponentHealth } from './component-health.ts';
import { startDefaultServiceCidr } from './default-service-cidr.ts';
import { servedResources } from './resources.ts';
import { standardRoutes } from './routes.ts';

const facts = {
  serviceAddress: '10.43.0.1',
  dnsAddress: '10.43.0.10',
  apiAddress: '192.0.2.1',
  apiPort: 6443,
  clientCa: 'ca',
  requestHeaderCa: 'ca',
};
const stop = new AbortController();
const ctx = hostCtx(stop.signal, silentLogger);
let server: ApiServer;
let client: Client;
let running: Promise<void>;

async function eventually<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + 15_000;
  while (performance.now() < deadline) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited 15 s until ${what}`);
}

before(async () => {
  const rbac = createRbacAuthorizer();
  server = createApiServer(
    {
      store: createMemoryStore(),
      resources: servedResources(),
      admission: defaultAdmission(),
      authenticator: createAuthenticator({ tokens: [] }),
      authorizer: createAuthorizerChain([rbac]),
      metrics: createMetricsRegistry(),
      routes: (api) =>
        standardRoutes(api, {
          serverAddress: 'here',
          tokens: { issuer: 'test', algorithms: [], jwks: () => ({ keys: [] }) },
          descriptions: async () => undefined,
        }),
      services: new Map<string, unknown>([
        [
          'componentHealth',
          createComponentHealth(createMemoryStore(), () => Promise.reject(new Error('nobody is asked'))),
        ],
        ['serviceAllocator', createServiceAllocator({ cidrs: ['10.43.0.0/16'], random: hostRandom })],
      ]),
    },
    ctx,
  );
  await server.ready(ctx);
  rbac.follow(server.registry as never);
  client = clientFor(server, MASTER, 'test');
  await startDefaultServiceCidr(server, ['10.43.0.0/16'], ctx);
  await bootstrapCluster(client, facts, ctx);
  const controllers = clusterControllers({
    podCidr: '10.42.0.0/16',
    rootCa: 'ca',
    certificates: {
      x509: { parseRequest: () => assert.fail('no requests here'), notAfterMs: () => undefined },
      signers: new Map(),
    },
  });
  running = runComponents({ server, roles: { scheduler: true, controllers: true }, controllers }, ctx);
  await addNode('n1');
});
after(async () => {
  stop.abort();
  await running;
  server.close();
});

/** A node as its agent would register it. */
async function addNode(name: string): Promise<void> {
  await client.create(coreV1.Node, { metadata: { name }, spec: {} }, ctx);
  const now = new Date().toISOString();
  const conditions = [
    { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now },
  ];
  const body = {
    status: {
      allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
      capacity: { cpu: '4', memory: '8Gi', pods: '110' },
      conditions,
    },
  };
  await client.patch(coreV1.Node, { name }, { type: 'merge', body }, ctx, { subresource: 'status' });
}

const template = (app: string) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'c', image: 'img' }], terminationGracePeriodSeconds: 0 },
});

/** Says of every Pod of an app what a node agent would. */
async function markReady(app: string): Promise<void> {
  const { items } = await client.list(coreV1.Pod, { namespace: 'default', labelSelector: `app=${app}` }, ctx);
  for (const pod of items) {
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }];
    const body = { status: { phase: 'Running', podIP: '10.42.0.9', podIPs: [{ ip: '10.42.0.9' }], conditions } };
    await client.patch(coreV1.Pod, pod, { type: 'merge', body }, ctx, { subresource: 'status' });
  }
}

test('the Service network is an object that is ready', async () => {
  const found = await client.get(networkingV1.ServiceCIDR, { name: 'kubernetes' }, ctx);
  assert.deepEqual(found?.spec?.cidrs, ['10.43.0.0/16']);
  assert.deepEqual(
    found?.status?.conditions?.map(({ type, status }) => [type, status]),
    [['Ready', 'True']],
  );
});

test('a binding is no new wish of a user: generation and owners of fields stay', async () => {
  const name = { name: 'bound', namespace: 'default' };
  const containers = [{ name: 'main', image: 'x' }];
  await client.create(coreV1.Pod, { metadata: name, spec: { containers, schedulerName: 'by-hand' } } as never, ctx);
  await client.createSubresource(
    coreV1.Pod,
    name,
    'binding',
    { metadata: name, target: { kind: 'Node', name: 'somewhere' } },
    ctx,
  );
  const pod = await client.get(coreV1.Pod, name, ctx);
  assert.equal(pod?.spec.nodeName, 'somewhere');
  assert.equal(pod?.metadata.generation, 1);
  // Upstream writes it straight to its store: nobody owns the node's name.
  assert.ok(pod?.metadata.managedFields?.every(({ fieldsV1 }) => !JSON.stringify(fieldsV1).includes('f:nodeName')));
  const elsewhere = { metadata: name, target: { kind: 'Node', name: 'elsewhere' } };
  await assert.rejects(
    client.createSubresource(coreV1.Pod, name, 'binding', elsewhere, ctx),
    /already assigned to node/,
  );
  const nobody = { name: 'nobody', namespace: 'default' };
  await assert.rejects(
    client.createSubresource(coreV1.Pod, nobody, 'binding', { ...elsewhere, metadata: nobody }, ctx),
    /"nobody" not found/,
  );
  await client.delete(coreV1.Pod, name, ctx, { gracePeriodSeconds: 0 });
});

test("the API server's own Service and its endpoints come back when they are deleted", async () => {
  const name = { name: 'kubernetes', namespace: 'default' };
  const clock = createVirtualClock();
  const end = new AbortController();
  const kept = keepBootstrapped(client, facts, { ...ctx, clock, signal: end.signal });
  const before = await client.get(coreV1.Service, name, ctx);
  await client.delete(coreV1.Service, name, ctx);
  await client.delete(discoveryV1.EndpointSlice, name, ctx);
  await clock.advance(10_000);
  const slice = await eventually('both are back', () => client.get(discoveryV1.EndpointSlice, name, ctx));
  assert.deepEqual(slice.endpoints?.[0]?.addresses, ['192.0.2.1']);
  const after = await client.get(coreV1.Service, name, ctx);
  assert.equal(after?.spec.clusterIP, '10.43.0.1');
  assert.notEqual(after?.metadata.uid, before?.metadata.uid);
  end.abort();
  await clock.advance(10_000);
  await kept;
});

describe('a cluster in memory', () => {
  test('has what clients count on', async () => {
    assert.equal(
      (await client.get(coreV1.Service, { namespace: 'default', name: 'kubernetes' }, ctx))?.spec.clusterIP,
      '10.43.0.1',
    );
    const role = await client.get(rbacV1.ClusterRole, { name: 'cluster-admin' }, ctx);
    assert.deepEqual(role?.rules?.[0]?.verbs, ['*']);
    const classes = await client.list(schedulingV1.PriorityClass, {}, ctx);
    assert.deepEqual(classes.items.map((item) => item.value).sort(), [2_000_000_000, 2_000_001_000]);
    await eventually('the account and the CA are published', async () => {
      const account = await client.get(coreV1.ServiceAccount, { namespace: 'default', name: 'default' }, ctx);
      return account && (await client.get(coreV1.ConfigMap, { namespace: 'default', name: 'kube-root-ca.crt' }, ctx));
    });
  });

  test('a Deployment becomes Pods on nodes, endpoints of its Service, and is rolled and removed whole', async () => {
    const selector = { matchLabels: { app: 'web' } };
    await client.create(
      appsV1.Deployment,
      {
        metadata: { name: 'web', namespace: 'default' },
        spec: { replicas: 3, selector, template: template('web') },
      } as never,
      ctx,
    );
    await client.create(
      coreV1.Service,
      {
        metadata: { name: 'web', namespace: 'default' },
        spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
      } as never,
      ctx,
    );
    await eventually('three Pods are placed', async () => {
      const { items } = await client.list(coreV1.Pod, { namespace: 'default', labelSelector: 'app=web' }, ctx);
      return items.length === 3 && items.every((pod) => pod.spec.nodeName === 'n1');
    });
    await markReady('web');
    await eventually('the Deployment is available', async () => {
      const deployment = await client.get(appsV1.Deployment, { namespace: 'default', name: 'web' }, ctx);
      return deployment?.status?.availableReplicas === 3;
    });
    await eventually('the Service has endpoints', async () => {
      const slices = await client.list(
        discoveryV1.EndpointSlice,
        { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' },
        ctx,
      );
      return (
        slices.items.flatMap((slice) => slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready)
          .length === 3
      );
    });
    await client.delete(appsV1.Deployment, { namespace: 'default', name: 'web' }, ctx);
    await eventually('ReplicaSets and Pods are collected', async () => {
      const pods = await client.list(coreV1.Pod, { namespace: 'default', labelSelector: 'app=web' }, ctx);
      const sets = await client.list(appsV1.ReplicaSet, { namespace: 'default' }, ctx);
      return pods.items.every((pod) => pod.metadata.deletionTimestamp !== undefined) && sets.items.length === 0;
    });
  });

  test('a more important Pod pushes out a lesser one', async () => {
    const big = {
      containers: [{ name: 'c', image: 'img', resources: { requests: { cpu: '3' } } }],
      terminationGracePeriodSeconds: 0,
    };
    await client.create(coreV1.Pod, { metadata: { name: 'lesser', namespace: 'default' }, spec: big } as never, ctx);
    await eventually(
      'the lesser Pod is placed',
      async () => (await client.get(coreV1.Pod, { namespace: 'default', name: 'lesser' }, ctx))?.spec.nodeName,
    );
    await client.create(schedulingV1.PriorityClass, { metadata: { name: 'high' }, value: 1000 } as never, ctx);
    await client.create(
      coreV1.Pod,
      { metadata: { name: 'greater', namespace: 'default' }, spec: { ...big, priorityClassName: 'high' } } as never,
      ctx,
    );
    await eventually('the lesser Pod is told to go', async () => {
      const lesser = await client.get(coreV1.Pod, { namespace: 'default', name: 'lesser' }, ctx);
      if (lesser?.metadata.deletionTimestamp !== undefined)
        await client.delete(coreV1.Pod, lesser, ctx, { gracePeriodSeconds: 0 });
      return lesser === undefined || lesser.metadata.deletionTimestamp !== undefined;
    });
    await eventually(
      'the greater Pod is placed',
      async () => (await client.get(coreV1.Pod, { namespace: 'default', name: 'greater' }, ctx))?.spec.nodeName,
    );
  });

  test('a Job makes its Pods; a namespace goes with all that is in it', async () => {
    await client.create(coreV1.Namespace, { metadata: { name: 'work' } } as never, ctx);
    await eventually('the namespace has its account', async () =>
      client.get(coreV1.ServiceAccount, { namespace: 'work', name: 'default' }, ctx),
    );
    const job = {
      metadata: { name: 'j', namespace: 'work' },
      spec: { completions: 2, parallelism: 2, template: { spec: { ...template('j').spec, restartPolicy: 'Never' } } },
    };
    await client.create(batchV1.Job, job as never, ctx);
    await eventually(
      'two Pods are there',
      async () => (await client.list(coreV1.Pod, { namespace: 'work' }, ctx)).items.length === 2,
    );
    await client.delete(coreV1.Namespace, { name: 'work' }, ctx);
    await eventually('its Pods are gone and so is it', async () => {
      const { items } = await client.list(coreV1.Pod, { namespace: 'work' }, ctx);
      for (const pod of items.filter((p) => p.metadata.deletionTimestamp)) {
        // What the node agent does at the end.
        await client
          .delete(coreV1.Pod, pod, ctx, { gracePeriodSeconds: 0 })
          .catch((error) => assert.ok(isReason(error, 'NotFound'), String(error)));
      }
      return (await client.get(coreV1.Namespace, { name: 'work' }, ctx)) === undefined;
    });
  });

  test('who has no role may do nothing', async () => {
    const nobody = clientFor(server, { username: 'nobody', groups: ['system:authenticated'] }, 'test');
    await assert.rejects(nobody.list(coreV1.Secret, { namespace: 'default' }, ctx), (error) =>
      isReason(error, 'Forbidden'),
    );
  });
});

test('queues of controllers and clients in the process are measured, under upstream’s names', async () => {
  const text = server.metrics.text();
  for (const line of [
    /^workqueue_adds_total\{name="replicaset"\} [1-9]\d*$/m,
    /^workqueue_depth\{name="serviceaccount_tokens_service"\} 0$/m,
    /^workqueue_queue_duration_seconds_count\{name="deployment"\} [1-9]\d*$/m,
    /^running_managed_controllers\{name="job-controller",manager="kube-controller-manager"\} 1$/m,
    /^rest_client_requests_total\{code="200",method="GET",host="in-memory"\} [1-9]\d*$/m,
  ]) {
    assert.match(text, line);
  }
});
