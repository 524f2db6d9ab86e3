/** What counts for quotas, and how often it is counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appsV1, coreV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { createHarness } from '../workload/harness.test-support.ts';
import { podAmounts } from './amounts.ts';
import { createResourceQuotaController } from './resourcequota.controller.ts';

const quota = (hard: object, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'q', namespace: 'default' },
  spec: { hard, ...spec },
});
const resources = (requests: object, limits: object = {}) => ({ name: 'c', resources: { requests, limits } });
const pod = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [resources({ cpu: '100m', memory: '64Mi' }, { cpu: '1' })], ...spec },
  status: { phase: 'Pending' },
});

async function used(hard: object, objects: readonly object[], spec: object = {}) {
  const t = createHarness();
  t.api.seed(quota(hard, spec), ...objects);
  await t.start(createResourceQuotaController(t.deps));
  await t.clock.advance(100);
  const status = t.api.objects(coreV1.ResourceQuota)[0]?.status;
  await t.stop();
  assert.deepEqual(status?.hard, hard);
  return status?.used;
}

test('Pods: numbers, requests and limits; ended ones count as objects only', async () => {
  const hard = {
    pods: '10',
    'count/pods': '10',
    cpu: '2',
    'requests.memory': '1Gi',
    'limits.cpu': '4',
    'limits.memory': '1Gi',
    'requests.nvidia.com/gpu': '4',
  };
  const ended = { ...pod('ended'), status: { phase: 'Succeeded' } };
  const gpu = pod('gpu', { containers: [resources({ 'nvidia.com/gpu': '2' })] });
  assert.deepEqual(await used(hard, [pod('a'), pod('b'), ended, gpu]), {
    pods: '3',
    'count/pods': '4',
    cpu: '200m',
    'requests.memory': '128Mi',
    'limits.cpu': '2',
    'limits.memory': '0',
    'requests.nvidia.com/gpu': '2',
  });
});

test('Services, claims, plain counts, any kind', async () => {
  const hard = {
    services: '5',
    'services.nodeports': '5',
    'services.loadbalancers': '1',
    persistentvolumeclaims: '5',
    'requests.storage': '10Gi',
    'fast.storageclass.storage.k8s.io/requests.storage': '10Gi',
    configmaps: '3',
    secrets: '3',
    resourcequotas: '1',
    'count/deployments.apps': '2',
  };
  const service = (name: string, type: string, ports: number) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type, ports: Array.from({ length: ports }, () => ({ port: 1 })) },
  });
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c', namespace: 'default' },
    spec: { storageClassName: 'fast', resources: { requests: { storage: '3Gi' } } },
  };
  const plain = (kind: string, apiVersion = 'v1') => ({
    apiVersion,
    kind,
    metadata: { name: 'x', namespace: 'default' },
    spec: {},
  });
  const objects = [
    service('a', 'NodePort', 2),
    service('b', 'LoadBalancer', 1),
    service('c', 'ClusterIP', 3),
    claim,
    plain('ConfigMap'),
    plain('Deployment', 'apps/v1'),
  ];
  assert.deepEqual(await used(hard, objects), {
    services: '3',
    'services.nodeports': '3',
    'services.loadbalancers': '1',
    persistentvolumeclaims: '1',
    'requests.storage': '3Gi',
    'fast.storageclass.storage.k8s.io/requests.storage': '3Gi',
    configmaps: '1',
    secrets: '0',
    resourcequotas: '1',
    'count/deployments.apps': '1',
  });
});

test('scopes', async () => {
  const bestEffort = pod('best', { containers: [{ name: 'c' }] });
  const short = pod('short', { activeDeadlineSeconds: 5 });
  const important = pod('important', { priorityClassName: 'high' });
  const objects = [bestEffort, short, important];
  const count = async (spec: object) => (await used({ pods: '9' }, objects, spec))?.['pods'];
  assert.equal(await count({ scopes: ['BestEffort'] }), '1');
  assert.equal(await count({ scopes: ['NotBestEffort'] }), '2');
  assert.equal(await count({ scopes: ['Terminating'] }), '1');
  assert.equal(await count({ scopes: ['NotTerminating', 'NotBestEffort'] }), '1');
  const priority = (operator: string, values: string[]) => ({
    scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator, values }] },
  });
  assert.equal(await count(priority('In', ['high'])), '1');
  assert.equal(await count(priority('NotIn', ['high'])), '2');
});

test('follows what comes and goes, and writes only changes', async () => {
  const t = createHarness();
  t.api.seed(quota({ pods: '3', 'count/deployments.apps': '2' }));
  await t.start(createResourceQuotaController(t.deps));
  const now = () => t.api.objects(coreV1.ResourceQuota)[0]?.status?.used;
  await t.client.create(coreV1.Pod, pod('a') as never, t.ctx);
  await t.client.create(appsV1.Deployment, { metadata: { name: 'd', namespace: 'default' }, spec: {} } as never, t.ctx);
  await t.clock.settle();
  assert.deepEqual(now(), { pods: '1', 'count/deployments.apps': '1' });
  const writes = t.api.writes.length;
  await t.run('a');
  assert.equal(t.api.writes.length, writes + 1);
  await t.finish('a', 'Succeeded');
  assert.deepEqual(now(), { pods: '0', 'count/deployments.apps': '1' });
  await t.stop();
});

test('init containers, sidecars and overhead', () => {
  const amounts = podAmounts(
    {
      spec: {
        initContainers: [
          { name: 's', restartPolicy: 'Always', resources: { requests: { cpu: '100m' } } },
          { name: 'i', resources: { requests: { cpu: '1' } } },
        ],
        containers: [{ name: 'c', resources: { requests: { cpu: '500m' } } }],
        overhead: { cpu: '50m' },
      },
    } as unknown as Pod,
    'requests',
  );
  assert.equal(amounts.get('cpu')?.toString(), '1150m');
});
