/** Hollow nodes: the real Pod lifecycle, behaviours by annotation, kwok's Stages. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { coreV1, hollow, startTestCluster, type TestCluster } from './index.ts';

const pod = (name: string, spec: object, annotations: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', annotations },
  spec: { terminationGracePeriodSeconds: 5, containers: [{ name: 'main', image: 'img:1' }], ...spec },
});
const read = (cluster: TestCluster, name: string) =>
  cluster.client.get(coreV1.Pod, { namespace: 'default', name }, cluster.ctx);
const isReady = async (cluster: TestCluster, name: string) =>
  (await read(cluster, name))?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');

describe('the Pod lifecycle on hollow nodes', () => {
  test('init containers first, then sidecars beside the rest', async () => {
    await using cluster = await startTestCluster({ nodes: hollow(1) });
    const initContainers = [
      { name: 'init', image: 'img:1' },
      { name: 'sidecar', image: 'img:1', restartPolicy: 'Always' },
    ];
    await cluster.apply(pod('p', { initContainers }));
    await cluster.eventually('it is ready', () => isReady(cluster, 'p'));
    const status = (await read(cluster, 'p'))?.status;
    assert.equal(status?.phase, 'Running');
    assert.equal(status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 0);
    assert.ok(status?.initContainerStatuses?.[1]?.state?.running);
  });

  test('a container that fails backs off, as on a real node', async () => {
    await using cluster = await startTestCluster({ nodes: hollow(1) });
    await cluster.apply(pod('p', {}, { 'hollow.kapella.dev/exit-after': '2s', 'hollow.kapella.dev/exit-code': '3' }));
    const waiting = await cluster.eventually(
      'it is in CrashLoopBackOff',
      async () => {
        const [status] = (await read(cluster, 'p'))?.status?.containerStatuses ?? [];
        return status?.state?.waiting?.reason === 'CrashLoopBackOff' && (status.restartCount ?? 0) >= 2 && status;
      },
      { within: '5m' },
    );
    assert.equal(waiting.lastState?.terminated?.exitCode, 3);
  });

  test('a readiness probe that fails keeps it unready', async () => {
    await using cluster = await startTestCluster({ nodes: hollow(1) });
    const probed = {
      containers: [{ name: 'main', image: 'img:1', readinessProbe: { httpGet: { port: 80 }, periodSeconds: 1 } }],
    };
    await cluster.apply(pod('bad', probed, { 'hollow.kapella.dev/healthy': 'false' }), pod('good', probed));
    await cluster.eventually('the healthy one is ready', () => isReady(cluster, 'good'));
    await cluster.advance('30s');
    assert.equal(await isReady(cluster, 'bad'), false);
  });

  test('deletion waits for containers that are slow to stop, and no longer than the grace period', async () => {
    await using cluster = await startTestCluster({ nodes: hollow(1) });
    await cluster.apply(pod('p', {}, { 'hollow.kapella.dev/stop-after': '1h' }));
    await cluster.eventually('it is ready', () => isReady(cluster, 'p'));
    await cluster.client.delete(coreV1.Pod, { namespace: 'default', name: 'p' }, cluster.ctx);
    await cluster.advance('4s');
    assert.ok((await read(cluster, 'p'))?.metadata.deletionTimestamp);
    await cluster.eventually('it is gone', async () => (await read(cluster, 'p')) === undefined, { within: '5s' });
  });

  test('a node whose agent ends goes NotReady; nodes can be added and taken away', async () => {
    await using cluster = await startTestCluster({ nodes: hollow(2) });
    const ready = async () => {
      const { items } = await cluster.client.list(coreV1.Node, {}, cluster.ctx);
      return items.filter(({ status }) => status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'));
    };
    await cluster.nodes?.nodes[0]?.stop();
    await cluster.eventually('one is NotReady', async () => (await ready()).length === 1, { within: '5m' });
    await cluster.nodes?.scale(4);
    await cluster.nodes?.scale(3);
    const { items } = await cluster.client.list(coreV1.Node, {}, cluster.ctx);
    assert.deepEqual(items.map(({ metadata }) => metadata.name).sort(), ['hollow-0', 'hollow-1', 'hollow-2']);
  });
});

const STAGES = `
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: pod-ready }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions:
    - { key: '.metadata.deletionTimestamp', operator: DoesNotExist }
    - { key: '.status.podIP', operator: DoesNotExist }
  delay: { durationMilliseconds: 2000 }
  next:
    event: { type: Normal, reason: Played, message: by a stage }
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      - { lastTransitionTime: {{ $now | Quote }}, status: "True", type: Ready }
      containerStatuses:
      {{ range .spec.containers }}
      - image: {{ .image | Quote }}
        name: {{ .name | Quote }}
        ready: true
        restartCount: 0
        state: { running: { startedAt: {{ $now | Quote }} } }
      {{ end }}
      hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
      podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) | Quote }}
      phase: Running
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: pod-delete }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions: [{ key: '.metadata.deletionTimestamp', operator: Exists }]
  next: { finalizers: { empty: true }, delete: true }
`;

describe('Stages on hollow nodes', () => {
  test('play Pods in the place of the lifecycle', async () => {
    await using cluster = await startTestCluster({ nodes: hollow(1, { stages: STAGES }) });
    await cluster.apply(pod('p', {}));
    await cluster.advance('1s');
    assert.equal((await read(cluster, 'p'))?.status?.podIP, undefined);
    await cluster.eventually('it is ready', () => isReady(cluster, 'p'));
    const status = (await read(cluster, 'p'))?.status;
    assert.equal(status?.containerStatuses?.[0]?.ready, true);
    assert.match(status?.podIP ?? '', /^10\./);
    await cluster.client.delete(coreV1.Pod, { namespace: 'default', name: 'p' }, cluster.ctx);
    await cluster.eventually('it is gone', async () => (await read(cluster, 'p')) === undefined);
    const { items } = await cluster.client.list(coreV1.Event, { namespace: 'default' }, cluster.ctx);
    assert.ok(items.some(({ reason, message }) => reason === 'Played' && message === 'by a stage'));
  });
});
