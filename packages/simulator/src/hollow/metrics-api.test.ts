/** metrics.k8s.io over hollow nodes: shapes and selectors as metrics-server has them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { METRICS_PATH, type MetricsSource, serveMetrics } from './metrics-api.ts';
import { usageSaid } from './usage.ts';

const NOW_MS = Date.UTC(2026, 0, 1);

function pod(name: string, isRunning: boolean): Pod {
  const state = isRunning ? { running: {} } : { waiting: {} };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      labels: { app: name },
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '',
    },
    spec: { containers: [{ name: 'c', image: 'i' }] },
    status: { containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: isRunning, restartCount: 0, state }] },
  };
}

const source: MetricsSource = {
  nodes: () => [{ name: 'hollow-0', labels: { type: 'hollow' }, pods: () => [pod('a', true), pod('b', false)] }],
  usageOf: () => usageSaid('250m', '64Mi'),
};

function get(path: string, query = '') {
  const response = serveMetrics(source, METRICS_PATH + path, query, NOW_MS);
  assert.ok(response?.body instanceof Uint8Array);
  return { status: response.status, body: JSON.parse(new TextDecoder().decode(response.body)) };
}

test('Pods that run have metrics, in nanocores and KiB', () => {
  const { body } = get('/namespaces/default/pods');
  assert.equal(body.kind, 'PodMetricsList');
  assert.deepEqual(
    body.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['a'],
  );
  assert.deepEqual(body.items[0].containers, [{ name: 'c', usage: { cpu: '250000000n', memory: '65536Ki' } }]);
  assert.equal(body.items[0].timestamp, '2026-01-01T00:00:00Z');
});

test('a node uses what its Pods use and a little itself', () => {
  const { body } = get('/nodes/hollow-0');
  assert.equal(body.kind, 'NodeMetrics');
  assert.deepEqual(body.usage, { cpu: '350000000n', memory: `${(512 + 64) * 1024}Ki` });
});

test('selectors choose, what is not there is not found, and other paths are not answered', () => {
  assert.equal(get('/pods', 'labelSelector=app%3Da').body.items.length, 1);
  assert.equal(get('/pods', 'labelSelector=app%3Dz').body.items.length, 0);
  assert.equal(get('/namespaces/other/pods').body.items.length, 0);
  const { status, body } = get('/namespaces/default/pods/b');
  assert.equal(status, 404);
  assert.equal(body.message, 'pods.metrics.k8s.io "b" not found');
  assert.equal(get('').body.kind, 'APIResourceList');
  assert.equal(serveMetrics(source, '/apis/apps/v1', '', NOW_MS), undefined);
});

test('what cannot be read as an amount counts as not said', () => {
  assert.deepEqual(usageSaid('lots', undefined), { cpuMilli: 1, memoryBytes: 1048576 });
  assert.deepEqual(usageSaid('2', '1Gi'), { cpuMilli: 2000, memoryBytes: 1024 ** 3 });
});
