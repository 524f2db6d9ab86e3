/** Which devices claims get on which node: selectors, counts, constraints, taints, pools, and what is taken. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import type { Device, DeviceClass, ResourceClaim, ResourceSlice } from '@kapella/api/types/resource-v1';
import { createStaticLookup } from '../../framework/cluster-lookup.ts';
import { aNode, aPod, TestCluster } from '../../test-support.ts';
import { allocate } from './allocator/allocator.ts';
import { DeviceSelectors } from './allocator/device-selector.ts';
import { SliceIndex } from './allocator/pools.ts';
import { AllocationProblem } from './allocator/problem.ts';

const DRIVER = 'gpu.example.com';
const meta = (name: string, more: object = {}) => ({ name, namespace: 'default', uid: name, ...more });

function gpu(name: string, more: Partial<Device> = {}, model = 'a100', memory = '40Gi'): Device {
  return {
    name,
    attributes: { model: { string: model }, version: { version: '1.2.3' }, numa: { int: Number(name.at(-1)) % 2 } },
    capacity: { memory: { value: memory } },
    ...more,
  };
}

function slice(name: string, devices: readonly Device[], spec: object = { nodeName: 'n1' }): ResourceSlice {
  const pool = { name: 'pool', generation: 1, resourceSliceCount: 1 };
  return { kind: 'ResourceSlice', metadata: meta(name), spec: { driver: DRIVER, pool, devices, ...spec } } as never;
}

const cel = (expression: string) => [{ cel: { expression } }];
const CLASS = {
  kind: 'DeviceClass',
  metadata: { name: 'gpu', uid: 'gpu' },
  spec: { selectors: cel(`device.driver == "${DRIVER}"`) },
} as unknown as DeviceClass;

function claim(name: string, requests: readonly object[], more: object = {}): ResourceClaim {
  return { kind: 'ResourceClaim', metadata: meta(name), spec: { devices: { requests, ...more } } } as never;
}
const exactly = (name: string, more: object = {}) => ({ name, exactly: { deviceClassName: 'gpu', ...more } });

function devices(of: ResourceClaim, slices: readonly ResourceSlice[], taken: readonly string[] = []): string {
  const input = {
    slices: new SliceIndex(slices),
    classOf: (name: string) => (name === 'gpu' ? CLASS : undefined),
    selectors: new DeviceSelectors(),
    allocated: { devices: new Set(taken.map((device) => `${DRIVER}/pool/${device}`)), shared: new Map() },
  };
  let results: ReturnType<typeof allocate>;
  try {
    results = allocate([of], aNode('n1'), input);
  } catch (error) {
    if (!(error instanceof AllocationProblem)) throw error;
    return error.message;
  }
  if (typeof results === 'string') return results;
  return (results[0]?.devices?.results ?? []).map(({ request, device }) => `${request}=${device}`).join(' ');
}

const NONE = 'cannot allocate all claims';
const two = [slice('s', [gpu('gpu-0'), gpu('gpu-1', {}, 'h100', '80Gi')])];

describe('the allocator', () => {
  test('takes the first free device that class and selectors agree to', () => {
    assert.equal(devices(claim('c', [exactly('r')]), two), 'r=gpu-0');
    assert.equal(devices(claim('c', [exactly('r')]), two, ['gpu-0']), 'r=gpu-1');
    assert.equal(devices(claim('c', [exactly('r')]), two, ['gpu-0', 'gpu-1']), NONE);
    const expressions = [
      `device.attributes["${DRIVER}"].model == "h100"`,
      `device.capacity["${DRIVER}"].memory.compareTo(quantity("64Gi")) >= 0`,
      `device.attributes["${DRIVER}"].version.isLessThan(semver("2.0.0")) && device.attributes["${DRIVER}"].numa == 1`,
      `!("x" in device.attributes["other.example.com"]) && device.attributes["${DRIVER}"].model.startsWith("h")`,
    ];
    for (const expression of expressions) {
      assert.equal(devices(claim('c', [exactly('r', { selectors: cel(expression) })]), two), 'r=gpu-1', expression);
    }
  });

  test('says what is wrong with a selector', () => {
    const broken = claim('c', [exactly('r', { selectors: cel('device.attributes["x"].y == 1') })]);
    assert.match(devices(broken, two), /^claim default\/c: selector #0: CEL runtime error: no such key/);
    assert.match(devices(claim('c', [exactly('r', { selectors: cel('device.') })]), two), /CEL compile error/);
  });

  test('counts, all of them, and alternatives in their order', () => {
    assert.equal(devices(claim('c', [exactly('r', { count: 2 })]), two), 'r=gpu-0 r=gpu-1');
    assert.equal(devices(claim('c', [exactly('r', { count: 3 })]), two), NONE);
    assert.equal(devices(claim('c', [exactly('r', { allocationMode: 'All' })]), two), 'r=gpu-0 r=gpu-1');
    assert.equal(devices(claim('c', [exactly('r', { allocationMode: 'All' })]), two, ['gpu-1']), NONE);
    const h100 = cel(`device.attributes["${DRIVER}"].model == "h100"`);
    const firstAvailable = [
      { name: 'large', deviceClassName: 'gpu', selectors: h100 },
      { name: 'any', deviceClassName: 'gpu' },
    ];
    assert.equal(devices(claim('c', [{ name: 'r', firstAvailable }]), two), 'r/large=gpu-1');
    assert.equal(devices(claim('c', [{ name: 'r', firstAvailable }]), two, ['gpu-1']), 'r/any=gpu-0');
  });

  test('goes back on a choice that leaves nothing for a later request', () => {
    const h100 = cel(`device.attributes["${DRIVER}"].model == "a100"`);
    assert.equal(devices(claim('c', [exactly('any'), exactly('a', { selectors: h100 })]), two), 'any=gpu-1 a=gpu-0');
  });

  test('constraints: alike in an attribute, or different', () => {
    const four = [
      slice(
        's',
        ['gpu-0', 'gpu-1', 'gpu-2', 'gpu-3'].map((name) => gpu(name)),
      ),
    ];
    const numa = `${DRIVER}/numa`;
    const pair = (constraint: object) => claim('c', [exactly('r', { count: 2 })], { constraints: [constraint] });
    assert.equal(devices(pair({ matchAttribute: numa }), four), 'r=gpu-0 r=gpu-2');
    assert.equal(devices(pair({ distinctAttribute: numa }), four), 'r=gpu-0 r=gpu-1');
    assert.equal(devices(pair({ matchAttribute: `${DRIVER}/nothing` }), four), NONE);
  });

  test('taints keep claims away unless tolerated; administration takes nothing away', () => {
    const taints = [{ key: 'broken', value: 'yes', effect: 'NoSchedule' as const }];
    const tainted = [slice('s', [gpu('gpu-0', { taints })])];
    assert.equal(devices(claim('c', [exactly('r')]), tainted), NONE);
    const tolerations = [{ key: 'broken', operator: 'Exists' }];
    assert.equal(devices(claim('c', [exactly('r', { tolerations })]), tainted), 'r=gpu-0');
    assert.equal(devices(claim('c', [exactly('r', { adminAccess: true, count: 1 })]), two, ['gpu-0']), 'r=gpu-0');
  });

  test('only devices of this node, of the newest generation', () => {
    assert.equal(devices(claim('c', [exactly('r')]), [slice('s', [gpu('gpu-0')], { nodeName: 'n2' })]), NONE);
    const old = slice('old', [gpu('gpu-0')]);
    const pool = { name: 'pool', generation: 2, resourceSliceCount: 1 };
    const fresh = slice('new', [gpu('gpu-9')], { nodeName: 'n1', pool });
    assert.equal(devices(claim('c', [exactly('r')]), [fresh, old]), 'r=gpu-9');
    const half = { name: 'pool', generation: 1, resourceSliceCount: 2 };
    const partial = [slice('s', [gpu('gpu-0')], { nodeName: 'n1', pool: half })];
    const message = /asks for all devices, but resource pool gpu.example.com\/pool is currently being updated/;
    assert.match(devices(claim('c', [exactly('r', { allocationMode: 'All' })]), partial), message);
  });

  test('parts of one device share its counters', () => {
    const part = (name: string, value: string) =>
      gpu(name, { consumesCounters: [{ counterSet: 'card', counters: { memory: { value } } }] });
    const sharedCounters = [{ name: 'card', counters: { memory: { value: '40Gi' } } }];
    const pool = { name: 'pool', generation: 1, resourceSliceCount: 2 };
    const parts = [
      slice('counters', [], { nodeName: 'n1', pool, sharedCounters }),
      slice('s', [part('whole-0', '40Gi'), part('half-1', '20Gi'), part('half-2', '20Gi')], { nodeName: 'n1', pool }),
    ];
    assert.equal(devices(claim('c', [exactly('r')]), parts, ['half-1']), 'r=half-2');
    assert.equal(devices(claim('c', [exactly('r')]), parts, ['whole-0']), NONE);
    assert.equal(devices(claim('c', [exactly('r', { count: 2 })]), parts), 'r=half-1 r=half-2');
  });
});

describe('the plugin', () => {
  const nodes: readonly Node[] = [aNode('n1'), aNode('n2')];
  const podWith = (name: string, resourceClaimName: string): Pod =>
    aPod(name, { spec: { resourceClaims: [{ name: 'gpu', resourceClaimName }] } });
  const cluster = (...objects: readonly unknown[]) =>
    new TestCluster(nodes, [], { lookup: createStaticLookup([CLASS, ...two, ...objects] as never) });

  test('a Pod goes where its claim can be answered', () => {
    assert.equal(cluster(claim('c', [exactly('r')])).outcome(podWith('p', 'c')), 'n1');
    const message = '0/2 nodes are available: 2 cannot allocate all claims.';
    assert.equal(cluster(claim('c', [exactly('r', { count: 3 })])).outcome(podWith('p', 'c')), message);
  });

  test('an allocated claim ties its Pods to where its devices are', () => {
    const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['n2'] }];
    const allocation = { devices: { results: [] }, nodeSelector: { nodeSelectorTerms: [{ matchFields }] } };
    const held = { ...claim('c', [exactly('r')]), status: { allocation } };
    assert.equal(cluster(held).outcome(podWith('p', 'c')), 'n2');
  });

  test('devices of other claims are taken', () => {
    const result = (device: string) => ({ request: 'r', driver: DRIVER, pool: 'pool', device });
    const allocation = { devices: { results: [result('gpu-0'), result('gpu-1')] } };
    const other = { ...claim('other', [exactly('r', { count: 2 })]), status: { allocation } };
    assert.match(cluster(claim('c', [exactly('r')]), other).outcome(podWith('p', 'c')), /2 cannot allocate all claims/);
  });

  test('says which claim or class is missing', () => {
    assert.match(cluster().outcome(podWith('p', 'c')), /resourceclaim.resource.k8s.io "c" not found/);
    const unknown = claim('c', [{ name: 'r', exactly: { deviceClassName: 'tpu' } }]);
    assert.match(cluster(unknown).outcome(podWith('p', 'c')), /request r: device class tpu does not exist/);
    const templated = aPod('p', { spec: { resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 't' }] } });
    assert.match(cluster().outcome(templated), /pod "default\/p": ResourceClaim not created yet/);
  });
});
