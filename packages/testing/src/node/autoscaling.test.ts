/** An autoscaler on hollow nodes: usage said by annotations, metrics as metrics-server tells them, replicas that follow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appsV1 } from '@kapella/api';
import { hollow } from '../options.ts';
import { startTestCluster } from './start-test-cluster.ts';

const LABELS = { app: 'web' };

test('a Deployment whose Pods use twice what is aimed at is doubled', async () => {
  await using cluster = await startTestCluster({ nodes: hollow(2) });
  const container = { name: 'c', image: 'img:1', resources: { requests: { cpu: '100m' } } };
  const annotations = { 'hollow.kapella.dev/cpu': '100m' };
  const template = { metadata: { labels: LABELS, annotations }, spec: { containers: [container] } };
  const metadata = { name: 'web', namespace: 'default' };
  const resource = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } };
  await cluster.apply(
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { selector: { matchLabels: LABELS }, template } },
    {
      ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        ...{ minReplicas: 1, maxReplicas: 4, metrics: [{ type: 'Resource', resource }] },
      },
    },
  );
  const replicas = async () => (await cluster.client.get(appsV1.Deployment, metadata, cluster.ctx))?.spec.replicas ?? 0;
  // Each Pod goes on using all it asks for, however many there are: up to the most that is allowed.
  await cluster.eventually('it has four', async () => (await replicas()) === 4, { within: '10m' });
  assert.equal(await replicas(), 4);
});
