/** DaemonSets over an API in memory; and their plans for themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appsV1, coreV1 } from '@kapella/api';
import type { DaemonSet } from '@kapella/api/types/apps-v1';
import { createHarness } from '../workload/harness.test-support.ts';
import { createDaemonSetController } from './daemonset.controller.ts';
import { nodeOf } from './daemon-pod.ts';
import { fitOf, tolerationsOf } from './node-fit.ts';

const node = (name: string, fields: { labels?: object; taints?: object[] } = {}) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: fields.labels ?? {} },
  spec: { taints: fields.taints ?? [] },
});

const daemonSet = (spec: object = {}, podSpec: object = {}): DaemonSet =>
  ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'default', annotations: { 'deprecated.daemonset.template.generation': '1' } },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: {
        metadata: { labels: { app: 'agent' } },
        spec: { containers: [{ name: 'c', image: 'v1' }], ...podSpec },
      },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      revisionHistoryLimit: 10,
      ...spec,
    },
  }) as never;

async function begin(set = daemonSet(), nodes: object[] = [node('n1'), node('n2'), node('n3')]) {
  const harness = createHarness();
  const { api, client, ctx, clock } = harness;
  api.seed(set, ...nodes);
  await harness.start(createDaemonSetController(harness.deps));
  const read = () => api.objects(appsV1.DaemonSet)[0] as DaemonSet;
  const image = async (tag: string) => {
    const annotations = { 'deprecated.daemonset.template.generation': String((read().metadata.generation ?? 0) + 1) };
    const body = {
      metadata: { annotations },
      spec: { template: { spec: { containers: [{ name: 'c', image: tag }] } } },
    };
    await client.patch(appsV1.DaemonSet, { namespace: 'default', name: 'agent' }, { type: 'merge', body }, ctx);
    await clock.settle();
  };
  const runAll = async () => {
    for (const pod of harness.pods()) if (pod.status?.phase === 'Pending') await harness.run(pod.metadata.name);
  };
  const byNode = () =>
    harness
      .pods()
      .map((pod) => `${nodeOf(pod)}=${pod.spec.containers[0]?.image}`)
      .sort();
  return { ...harness, read, image, runAll, byNode };
}

test('one Pod per node, pinned, tolerating what daemons tolerate, marked with its revision', async () => {
  const t = await begin();
  assert.deepEqual(t.byNode(), ['n1=v1', 'n2=v1', 'n3=v1']);
  const pod = t.pods()[0];
  const [revision] = t.api.objects(appsV1.ControllerRevision);
  const hash = revision?.metadata.labels?.['controller-revision-hash'];
  assert.equal(revision?.metadata.name, `agent-${hash}`);
  assert.deepEqual(pod?.metadata.labels, {
    app: 'agent',
    'pod-template-generation': '1',
    'controller-revision-hash': hash,
  });
  assert.equal(pod?.metadata.generateName, 'agent-');
  assert.equal(pod?.spec.tolerations?.length, 6);
  assert.equal(t.read().status?.desiredNumberScheduled, 3);
  await t.runAll();
  assert.deepEqual(t.read().status, {
    currentNumberScheduled: 3,
    numberMisscheduled: 0,
    desiredNumberScheduled: 3,
    numberReady: 3,
    updatedNumberScheduled: 3,
    numberAvailable: 3,
    observedGeneration: 1,
  });
  assert.match(t.told[0]?.message ?? '', /^Created pod: agent-/);
  await t.stop();
});

test('nodes that come, go out of the selector, and are tainted', async () => {
  const set = daemonSet({}, { nodeSelector: { disk: 'ssd' } });
  const t = await begin(set, [node('n1', { labels: { disk: 'ssd' } }), node('n2')]);
  assert.deepEqual(t.byNode(), ['n1=v1']);
  await t.client.create(coreV1.Node, node('n3', { labels: { disk: 'ssd' } }) as never, t.ctx);
  await t.clock.settle();
  assert.deepEqual(t.byNode(), ['n1=v1', 'n3=v1']);
  await t.client.patch(
    coreV1.Node,
    { name: 'n1' },
    { type: 'merge', body: { metadata: { labels: { disk: 'hdd' } } } },
    t.ctx,
  );
  await t.clock.settle();
  assert.deepEqual(t.byNode(), ['n3=v1']);
  const taints = [{ key: 'k', effect: 'NoSchedule' }];
  await t.client.patch(coreV1.Node, { name: 'n3' }, { type: 'merge', body: { spec: { taints } } }, t.ctx);
  await t.clock.settle();
  assert.deepEqual(t.byNode(), ['n3=v1']);
  assert.deepEqual([t.read().status?.desiredNumberScheduled, t.read().status?.numberMisscheduled], [0, 1]);
  await t.client.patch(
    coreV1.Node,
    { name: 'n3' },
    { type: 'merge', body: { spec: { taints: [{ key: 'k', effect: 'NoExecute' }] } } },
    t.ctx,
  );
  await t.clock.settle();
  assert.deepEqual(t.byNode(), []);
  await t.stop();
});

test('rolling update without surge: one goes, its successor must be available before the next', async () => {
  const t = await begin();
  await t.runAll();
  await t.image('v2');
  assert.deepEqual(t.byNode(), ['n1=v2', 'n2=v1', 'n3=v1']);
  await t.runAll();
  assert.deepEqual(t.byNode(), ['n1=v2', 'n2=v2', 'n3=v1']);
  await t.runAll();
  await t.runAll();
  assert.deepEqual(t.byNode(), ['n1=v2', 'n2=v2', 'n3=v2']);
  assert.equal(t.read().status?.updatedNumberScheduled, 3);
  assert.deepEqual(
    t.api
      .objects(appsV1.ControllerRevision)
      .map((revision) => revision.revision)
      .sort(),
    [1, 2],
  );
  await t.stop();
});

test('rolling update with surge: the new one beside the old one, which goes when the new one is available', async () => {
  const t = await begin(
    daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }),
  );
  await t.runAll();
  await t.image('v2');
  assert.deepEqual(t.byNode(), ['n1=v1', 'n1=v2', 'n2=v1', 'n3=v1']);
  await t.runAll();
  assert.deepEqual(t.byNode(), ['n1=v2', 'n2=v1', 'n2=v2', 'n3=v1']);
  await t.runAll();
  await t.runAll();
  assert.deepEqual(t.byNode(), ['n1=v2', 'n2=v2', 'n3=v2']);
  await t.stop();
});

test('OnDelete replaces nothing by itself', async () => {
  const t = await begin(daemonSet({ updateStrategy: { type: 'OnDelete' } }));
  await t.runAll();
  await t.image('v2');
  assert.deepEqual(t.byNode(), ['n1=v1', 'n2=v1', 'n3=v1']);
  await t.client.delete(coreV1.Pod, t.pods()[0]?.metadata as never, t.ctx);
  await t.clock.settle();
  assert.equal(t.byNode().filter((one) => one.endsWith('v2')).length, 1);
  await t.stop();
});

test('back to an earlier template makes its revision the newest', async () => {
  const t = await begin();
  await t.image('v2');
  await t.image('v1');
  assert.deepEqual(
    t.api
      .objects(appsV1.ControllerRevision)
      .map((revision) => revision.revision)
      .sort(),
    [2, 3],
  );
  await t.stop();
});

test('failed Pods are replaced at once, then ever more slowly', async () => {
  const t = await begin(daemonSet(), [node('n1')]);
  const fail = async () => {
    const name = t.podNames()[0] ?? '';
    await t.finish(name, 'Failed');
    return name;
  };
  const first = await fail();
  assert.notEqual(t.podNames()[0], first);
  assert.deepEqual(
    t.told.filter((event) => event.reason === 'FailedDaemonPod').map((event) => event.message),
    [`Found failed daemon pod default/${first} on node n1, will try to kill it`],
  );
  const second = await fail();
  assert.equal(t.podNames()[0], second);
  await t.clock.advance(1100);
  assert.notEqual(t.podNames()[0], second);
  await t.stop();
});

test('a Pod for a node that is gone and that is not placed is deleted', async () => {
  const t = await begin();
  await t.client.delete(coreV1.Node, { name: 'n2' }, t.ctx);
  await t.clock.settle();
  assert.deepEqual(t.byNode(), ['n1=v1', 'n3=v1']);
  await t.stop();
});

test('conditions that others wrote stay, and status is written once', async () => {
  const t = await begin(daemonSet(), [node('n1')]);
  await t.runAll();
  const conditions = [{ type: 'Mine', status: 'True' }];
  await t.client.patchStatus(appsV1.DaemonSet, t.read(), { ...t.read().status, conditions } as never, t.ctx);
  const writes = t.api.writes.length;
  await t.clock.advance(1000);
  assert.equal(t.api.writes.length, writes);
  assert.deepEqual(t.read().status?.conditions, conditions);
  await t.stop();
});

test('which nodes fit', () => {
  const affinity = (expression: object) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [expression] }] },
      },
    },
  });
  const rows: readonly [object, { labels?: object; taints?: object[] }, boolean, boolean][] = [
    [{}, {}, true, true],
    [{ nodeName: 'other' }, {}, false, false],
    [{ nodeName: 'n' }, {}, true, true],
    [{}, { taints: [{ key: 'a', effect: 'NoSchedule' }] }, false, true],
    [{}, { taints: [{ key: 'a', effect: 'PreferNoSchedule' }] }, true, true],
    [{}, { taints: [{ key: 'a', effect: 'NoExecute' }] }, false, false],
    [{}, { taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] }, true, true],
    [{}, { taints: [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }] }, false, true],
    [
      { hostNetwork: true },
      { taints: [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }] },
      true,
      true,
    ],
    [{ tolerations: [{ operator: 'Exists' }] }, { taints: [{ key: 'a', effect: 'NoExecute' }] }, true, true],
    [
      { tolerations: [{ key: 'a', value: 'x' }] },
      { taints: [{ key: 'a', value: 'y', effect: 'NoExecute' }] },
      false,
      false,
    ],
    [affinity({ key: 'size', operator: 'Gt', values: ['4'] }), { labels: { size: '8' } }, true, true],
    [affinity({ key: 'size', operator: 'Gt', values: ['4'] }), { labels: { size: 'big' } }, false, false],
    [affinity({ key: 'size', operator: 'DoesNotExist' }), { labels: { size: 'big' } }, false, false],
  ];
  for (const [podSpec, fields, shouldRun, shouldContinue] of rows) {
    const fit = fitOf(daemonSet({}, podSpec), node('n', fields) as never);
    assert.deepEqual(fit, { shouldRun, shouldContinue }, JSON.stringify([podSpec, fields]));
  }
  assert.equal(
    tolerationsOf({
      containers: [],
      tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
    }).length,
    6,
  );
});
