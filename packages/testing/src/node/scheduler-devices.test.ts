/** Devices that the scheduler gives out, through the API: shares, devices made ready first, extended resources. */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { coreV1, resourceV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { ResourceClaim } from '@kapella/api/types/resource-v1';
import { startTestCluster } from './start-test-cluster.ts';
import type { TestCluster } from '../options.ts';

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

const DRIVER = 'gpu.example.com';
const apiVersion = 'resource.k8s.io/v1';
const namespace = 'default';

async function start(devices: readonly object[], classSpec: object = {}): Promise<TestCluster> {
  const c = await startTestCluster({ scheduler: true, controllers: [] });
  cluster = c;
  const resources = { cpu: '4', memory: '4Gi', pods: '10' };
  const status = { allocatable: resources, capacity: resources };
  const node = await c.client.create(coreV1.Node, { metadata: { name: 'n1' }, status } as never, c.ctx);
  await c.client.patch(coreV1.Node, node, { type: 'merge', body: { spec: { taints: null } } }, c.ctx);
  const pool = { name: 'n1', generation: 1, resourceSliceCount: 1 };
  const selectors = [{ cel: { expression: `device.driver == "${DRIVER}"` } }];
  await c.apply(
    { apiVersion, kind: 'DeviceClass', metadata: { name: 'gpu' }, spec: { selectors, ...classSpec } },
    {
      ...{ apiVersion, kind: 'ResourceSlice', metadata: { name: 's' } },
      spec: { driver: DRIVER, nodeName: 'n1', pool, devices },
    },
  );
  return c;
}

function addClaim(c: TestCluster, name: string, request: object = {}): Promise<void> {
  const requests = [{ name: 'r', exactly: { deviceClassName: 'gpu', ...request } }];
  const metadata = { name, namespace };
  return c.apply({ apiVersion, kind: 'ResourceClaim', metadata, spec: { devices: { requests } } }).then(() => {});
}

function addPod({ client, ctx }: TestCluster, name: string, claim?: string, requests: object = {}): Promise<unknown> {
  const containers = [{ name: 'c', image: 'x', resources: { requests, limits: requests } }];
  const resourceClaims = claim === undefined ? [] : [{ name: 'gpu', resourceClaimName: claim }];
  const draft = { metadata: { name, namespace }, spec: { containers, resourceClaims } };
  return client.create(coreV1.Pod, draft as never, ctx);
}

const podOf = ({ client, ctx }: TestCluster, name: string) =>
  client.get(coreV1.Pod, { namespace, name }, ctx) as Promise<Pod | undefined>;
const claimOf = ({ client, ctx }: TestCluster, name: string) =>
  client.get(resourceV1.ResourceClaim, { namespace, name }, ctx) as Promise<ResourceClaim | undefined>;
const placed = (c: TestCluster, name: string) =>
  c.eventually(`${name} has a node`, async () => (await podOf(c, name))?.spec.nodeName);
const told = (c: TestCluster, name: string) =>
  c.eventually(`${name} is told why it has no node`, async () => {
    const conditions = (await podOf(c, name))?.status?.conditions ?? [];
    return conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False')?.message;
  });

async function setConditions(c: TestCluster, claim: string, conditions: readonly object[]): Promise<void> {
  const found = (await claimOf(c, claim)) as ResourceClaim;
  const devices = [{ driver: DRIVER, pool: 'n1', device: 'gpu-0', conditions }];
  const status = { ...found.status, devices } as ResourceClaim['status'];
  await c.client.update(resourceV1.ResourceClaim, { ...found, status } as ResourceClaim, c.ctx, {
    subresource: 'status',
  });
}

const condition = (type: string) => ({
  ...{ type, status: 'True', reason: 'Because', message: 'so it is', lastTransitionTime: '2026-01-01T00:00:00Z' },
});

describe('devices', () => {
  test('shares of one device, as long as its capacity lasts', async () => {
    const c = await start([{ name: 'gpu-0', allowMultipleAllocations: true, capacity: { memory: { value: '40Gi' } } }]);
    const capacity = { requests: { memory: '16Gi' } };
    for (const name of ['a', 'b', 'c']) await addClaim(c, name, { capacity });
    await addPod(c, 'a', 'a');
    await placed(c, 'a');
    await addPod(c, 'b', 'b');
    await placed(c, 'b');
    await addPod(c, 'c', 'c');
    assert.match(await told(c, 'c'), /^0\/1 nodes are available: 1 cannot allocate all claims\./);
    const [a, b] = await Promise.all(
      ['a', 'b'].map(async (name) => (await claimOf(c, name))?.status?.allocation?.devices?.results?.[0]),
    );
    assert.deepEqual([a?.consumedCapacity, b?.consumedCapacity], [{ memory: '16Gi' }, { memory: '16Gi' }]);
    assert.match(a?.shareID ?? '', /^[0-9a-f]{8}-/);
    assert.notEqual(a?.shareID, b?.shareID);
  });

  test('a device is made ready before its Pod is bound', async () => {
    const c = await start([
      { name: 'gpu-0', bindsToNode: true, bindingConditions: ['Attached'], bindingFailureConditions: ['Failed'] },
    ]);
    await addClaim(c, 'a');
    await addPod(c, 'a', 'a');
    const claim = await c.eventually('the claim is allocated', async () => {
      const found = await claimOf(c, 'a');
      return found?.status?.allocation === undefined ? undefined : found;
    });
    assert.deepEqual(claim.status?.allocation?.devices?.results?.[0]?.bindingConditions, ['Attached']);
    assert.ok(claim.status?.allocation?.allocationTimestamp);
    await c.eventually('it is said what the Pod waits for', async () => {
      const { items } = await c.client.list(coreV1.Event, { namespace }, c.ctx);
      return items.some(({ reason }) => reason === 'BindingConditionsPending');
    });
    assert.equal((await podOf(c, 'a'))?.spec.nodeName, undefined);
    await setConditions(c, 'a', [condition('Attached')]);
    assert.equal(await placed(c, 'a'), 'n1');
  });

  test('a device that cannot be made ready is given back', async () => {
    const c = await start([{ name: 'gpu-0', bindingConditions: ['Attached'], bindingFailureConditions: ['Failed'] }]);
    await addClaim(c, 'a');
    await addPod(c, 'a', 'a');
    await c.eventually('the claim is allocated', async () => (await claimOf(c, 'a'))?.status?.allocation !== undefined);
    await setConditions(c, 'a', [condition('Failed')]);
    const why =
      'running PreBind plugin "DynamicResources": device binding failed: claim=a, reason=Because, message="so it is"';
    for (const text of [why, 'deallocation of ResourceClaim completed']) {
      await c.eventually(`it is told: ${text}`, async () => {
        const { items } = await c.client.list(coreV1.Event, { namespace }, c.ctx);
        return items.some(({ reason, message }) => reason === 'FailedScheduling' && message?.includes(text) === true);
      });
    }
  });

  test('an extended resource that a class stands for, on a node without it', async () => {
    const c = await start([{ name: 'gpu-0' }], { extendedResourceName: 'example.com/gpu' });
    await addPod(c, 'a', undefined, { 'example.com/gpu': '1' });
    assert.equal(await placed(c, 'a'), 'n1');
    const { extendedResourceClaimStatus } = (await podOf(c, 'a'))?.status ?? {};
    const claim = (await claimOf(c, extendedResourceClaimStatus?.resourceClaimName ?? '')) as ResourceClaim;
    assert.match(claim.metadata.name, /^a-extended-resources-/);
    assert.equal(claim.status?.reservedFor?.[0]?.name, 'a');
    assert.deepEqual(extendedResourceClaimStatus?.requestMappings, [
      { containerName: 'c', resourceName: 'example.com/gpu', requestName: 'container-0-request-0' },
    ]);
    const { request, device } = claim.status?.allocation?.devices?.results?.[0] ?? {};
    assert.deepEqual([request, device], ['container-0-request-0', 'gpu-0']);
    await addPod(c, 'b', undefined, { 'example.com/gpu': '1' });
    assert.match(await told(c, 'b'), /1 cannot allocate all claims/);
  });

  test('a class stands for a resource by its own name too', async () => {
    const c = await start([{ name: 'gpu-0' }]);
    await addPod(c, 'a', undefined, { 'deviceclass.resource.kubernetes.io/gpu': '1' });
    assert.equal(await placed(c, 'a'), 'n1');
  });
});
