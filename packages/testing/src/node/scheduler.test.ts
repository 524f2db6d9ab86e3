/** The scheduler through the API, as users and controllers see it. */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { coreV1, policyV1, resourceV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { startTestCluster } from './start-test-cluster.ts';
import type { TestCluster } from '../options.ts';

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

async function start(controllers: readonly string[] = []): Promise<TestCluster> {
  cluster = await startTestCluster({ scheduler: true, controllers });
  return cluster;
}

async function addNode({ client, ctx }: TestCluster, name: string, cpu = '2'): Promise<void> {
  const resources = { cpu, memory: '4Gi', pods: '10' };
  const draft = { metadata: { name }, status: { allocatable: resources, capacity: resources } };
  const node = await client.create(coreV1.Node, draft as never, ctx);
  await client.patch(coreV1.Node, node, { type: 'merge', body: { spec: { taints: null } } }, ctx);
}

function addPod({ client, ctx }: TestCluster, name: string, cpu: string, spec: object = {}, labels: object = {}) {
  const containers = [{ name: 'c', image: 'x', resources: { requests: { cpu } } }];
  const draft = { metadata: { name, namespace: 'default', labels }, spec: { containers, ...spec } };
  return client.create(coreV1.Pod, draft as never, ctx);
}

const read = ({ client, ctx }: TestCluster, name: string) =>
  client.get(coreV1.Pod, { namespace: 'default', name }, ctx) as Promise<Pod | undefined>;
const placed = (of: TestCluster, name: string) =>
  of.eventually(`${name} has a node`, async () => (await read(of, name))?.spec.nodeName);
const condition = async (of: TestCluster, name: string, type: string) =>
  (await read(of, name))?.status?.conditions?.find((c) => c.type === type);
const told = (of: TestCluster, name: string) =>
  of.eventually(`${name} is told why it has no node`, async () => (await condition(of, name, 'PodScheduled'))?.message);

describe('scheduler', () => {
  test('says why on the Pod and in an event, and places it when room is made', async () => {
    const c = await start();
    await addNode(c, 'n1', '1');
    await addPod(c, 'first', '1');
    assert.equal(await placed(c, 'first'), 'n1');
    await addPod(c, 'second', '1');
    const message =
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: ' +
      '1 No preemption victims found for incoming pod.';
    assert.equal(await told(c, 'second'), message);
    const events = await c.eventually('the event is there', async () => {
      const { items } = await c.client.list(coreV1.Event, { namespace: 'default' }, c.ctx);
      const found = items.filter(({ reason }) => reason === 'FailedScheduling');
      return found.length > 0 && found;
    });
    assert.equal(events[0]?.message, message);
    await c.client.delete(coreV1.Pod, { namespace: 'default', name: 'first' }, c.ctx, { gracePeriodSeconds: 0 });
    assert.equal(await placed(c, 'second'), 'n1');
  });

  test('a gated Pod is not looked at before its gates are gone', async () => {
    const c = await start();
    await addNode(c, 'n1');
    const pod = await addPod(c, 'gated', '1', { schedulingGates: [{ name: 'quota' }] });
    await c.advance('10m');
    assert.equal((await condition(c, 'gated', 'PodScheduled'))?.reason, 'SchedulingGated');
    await c.client.patch(coreV1.Pod, pod, { type: 'merge', body: { spec: { schedulingGates: null } } }, c.ctx);
    assert.equal(await placed(c, 'gated'), 'n1');
  });

  test('a more important Pod takes the place of the least important one, which is told so', async () => {
    const c = await start();
    await addNode(c, 'n1');
    for (const [name, value] of [
      ['low', 1],
      ['middle', 5],
      ['high', 100],
    ] as const) {
      await c.apply({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value });
    }
    await addPod(c, 'low', '1', { priorityClassName: 'low' });
    await addPod(c, 'middle', '1', { priorityClassName: 'middle' });
    await placed(c, 'low');
    await placed(c, 'middle');
    await addPod(c, 'high', '1', { priorityClassName: 'high' });
    const victim = await c.eventually('a victim is going', async () => {
      const disrupted = await condition(c, 'low', 'DisruptionTarget');
      return disrupted !== undefined && disrupted;
    });
    assert.equal(victim.reason, 'PreemptionByScheduler');
    assert.equal((await read(c, 'high'))?.status?.nominatedNodeName, 'n1');
    await c.client.delete(coreV1.Pod, { namespace: 'default', name: 'low' }, c.ctx, { gracePeriodSeconds: 0 });
    assert.equal(await placed(c, 'high'), 'n1');
    assert.equal((await read(c, 'middle'))?.metadata.deletionTimestamp, undefined);
  });

  test('devices: a claim from a template, reserved, given back to the next Pod', async () => {
    const c = await start(['resourceclaim-controller', 'garbage-collector-controller']);
    await addNode(c, 'n1');
    const device = { name: 'gpu-0', attributes: { model: { string: 'a' } } };
    const pool = { name: 'n1', generation: 1, resourceSliceCount: 1 };
    const selectors = [{ cel: { expression: 'device.driver == "gpu.example.com"' } }];
    const requests = [{ name: 'r', exactly: { deviceClassName: 'gpu' } }];
    const apiVersion = 'resource.k8s.io/v1';
    await c.apply(
      { apiVersion, kind: 'DeviceClass', metadata: { name: 'gpu' }, spec: { selectors } },
      {
        ...{ apiVersion, kind: 'ResourceSlice', metadata: { name: 's' } },
        spec: { driver: 'gpu.example.com', nodeName: 'n1', pool, devices: [device] },
      },
      {
        ...{ apiVersion, kind: 'ResourceClaimTemplate', metadata: { name: 't', namespace: 'default' } },
        spec: { spec: { devices: { requests } } },
      },
    );
    const resourceClaims = [{ name: 'gpu', resourceClaimTemplateName: 't' }];
    const pod = await addPod(c, 'a', '1', { resourceClaims });
    assert.equal(await placed(c, 'a'), 'n1');
    const [claim] = (await c.client.list(resourceV1.ResourceClaim, {}, c.ctx)).items;
    assert.equal(claim?.status?.allocation?.devices?.results?.[0]?.device, 'gpu-0');
    assert.deepEqual(claim?.status?.reservedFor, [{ resource: 'pods', name: 'a', uid: pod.metadata.uid }]);
    await addPod(c, 'b', '1', { resourceClaims });
    assert.match(await told(c, 'b'), /^0\/1 nodes are available: 1 cannot allocate all claims\. still not schedulable/);
    await c.client.delete(coreV1.Pod, pod, c.ctx, { gracePeriodSeconds: 0 });
    assert.equal(await placed(c, 'b'), 'n1');
  });

  test('a budget without room lets another node’s Pod go', async () => {
    const c = await start();
    await addNode(c, 'n1', '1');
    await addNode(c, 'n2', '1');
    await c.apply({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'high' },
      value: 100,
    });
    const spec = { selector: { matchLabels: { app: 'db' } }, minAvailable: 1 };
    await c.client.create(
      policyV1.PodDisruptionBudget,
      { metadata: { name: 'b', namespace: 'default' }, spec } as never,
      c.ctx,
    );
    await addPod(c, 'db', '1', {}, { app: 'db' });
    await addPod(c, 'web', '1', {}, { app: 'web' });
    await placed(c, 'db');
    await placed(c, 'web');
    await addPod(c, 'high', '1', { priorityClassName: 'high' });
    await c.eventually('web is going', async () => (await condition(c, 'web', 'DisruptionTarget')) !== undefined);
    assert.equal(await condition(c, 'db', 'DisruptionTarget'), undefined);
  });
});
