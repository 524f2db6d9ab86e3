/** The slice controllers against an API in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, discoveryV1 } from '@kapella/api';
import { createLogger, createSeededRandom, createVirtualClock, type Ctx, type LogRecord } from '@kapella/base';
import { createCache, createClient } from '@kapella/client';
import { createFakeApi } from '@kapella/client/fake';
import { type Controller, type ControllerDeps, runControllers, slowStart } from '@kapella/controller';
import { createEndpointSliceController } from './endpointslice.controller.ts';
import { createEndpointSliceMirroringController } from './endpointslice-mirroring.controller.ts';

async function setUp(make: (deps: ControllerDeps) => Controller, objects: object[]) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const logs: LogRecord[] = [];
  const ctx: Ctx = { signal: stop.signal, log: createLogger((r) => logs.push(r)), clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  api.seed(...objects);
  const client = createClient(api, { userAgent: 'test/1' });
  const cache = createCache(client);
  const told: string[] = [];
  const events = {
    event: (_about: unknown, _type: string, reason: string, message: string) => void told.push(`${reason}: ${message}`),
  };
  const running = runControllers([make({ cache, client, events, batch: slowStart })], { cache }, ctx);
  await clock.settle();
  const end = async () => {
    stop.abort();
    await clock.settle();
    await running;
    assert.deepEqual(
      logs.filter((r) => /error|warn/.test(r.level) && r.event !== 'list and watch failed'),
      [],
    );
  };
  return { clock, ctx, api, client, cache, told, end };
}

const meta = (name: string, labels: object = {}) => ({ name, namespace: 'ns', labels });
const service = (spec: object, labels = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta('web', labels),
  spec: {
    clusterIP: '10.96.0.9',
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    ...spec,
  },
});
const pod = (n: number, ready: boolean, more: { spec?: object; port?: number } = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta(`p${n}`, { app: 'web' }),
  spec: {
    nodeName: 'n1',
    containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: more.port ?? 8080 }] }],
    ...more.spec,
  },
  status: {
    phase: 'Running',
    podIP: `10.0.0.${n}`,
    podIPs: [{ ip: `10.0.0.${n}` }, { ip: `fd00::${n}` }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});
const node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z1' } },
};

test('a slice says all of upstream about its Pods, and follows readiness at once', async () => {
  const set = await setUp(createEndpointSliceController, [
    node,
    service({}, { team: 'x', 'kubernetes.io/service-name': 'lie' }),
    pod(1, false),
  ]);
  const [slice, ...others] = set.api.objects(discoveryV1.EndpointSlice);
  assert.ok(slice);
  assert.equal(others.length, 0);
  assert.match(slice.metadata.name, /^web-[a-z0-9]{5}$/);
  assert.deepEqual(slice.metadata.labels, {
    team: 'x',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  });
  assert.equal(slice.metadata.ownerReferences?.[0]?.kind, 'Service');
  assert.deepEqual(slice.ports, [{ name: 'http', protocol: 'TCP', port: 8080 }]);
  const conditions = { ready: false, serving: false, terminating: false };
  const { uid } = set.api.objects(coreV1.Pod)[0]?.metadata ?? {};
  const targetRef = { kind: 'Pod', namespace: 'ns', name: 'p1', uid };
  assert.deepEqual(slice.endpoints, [{ addresses: ['10.0.0.1'], conditions, targetRef, nodeName: 'n1', zone: 'z1' }]);

  const writes = set.api.writes.length;
  const current = set.api.objects(coreV1.Pod)[0];
  assert.ok(current);
  await set.client.patchStatus(
    coreV1.Pod,
    current,
    { ...current.status, conditions: [{ type: 'Ready', status: 'True' }] },
    set.ctx,
  );
  await set.clock.settle();
  const after = set.api.objects(discoveryV1.EndpointSlice)[0];
  assert.deepEqual(after?.endpoints?.[0]?.conditions, { ready: true, serving: true, terminating: false });
  assert.equal(set.api.writes.length - writes, 2, 'the status and one update of the slice');
  await set.clock.advance(20_000);
  assert.equal(set.api.writes.length - writes, 2, 'and then nothing');
  await set.end();
});

test('ports that differ make slices of their own; terminating Pods still serve; both families; headless label', async () => {
  const going = pod(3, true);
  const deletion = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x'] };
  const spec = { clusterIP: 'None', ipFamilies: ['IPv4', 'IPv6'] };
  const named = pod(4, true, { spec: { hostname: 'h4', subdomain: 'web' } });
  const objects = [
    node,
    service(spec),
    pod(1, true),
    pod(2, true, { port: 9090 }),
    { ...going, metadata: { ...going.metadata, ...deletion } },
    named,
  ];
  const set = await setUp(createEndpointSliceController, objects);
  const slices = set.api.objects(discoveryV1.EndpointSlice);
  const seen = slices.map((s) => [s.addressType, s.ports?.[0]?.port, s.endpoints?.map((e) => e.addresses[0]).join()]);
  assert.deepEqual(seen.toSorted(), [
    ['IPv4', 8080, '10.0.0.1,10.0.0.3,10.0.0.4'],
    ['IPv4', 9090, '10.0.0.2'],
    ['IPv6', 8080, 'fd00::1,fd00::3,fd00::4'],
    ['IPv6', 9090, 'fd00::2'],
  ]);
  assert.ok(slices.every((s) => s.metadata.labels?.['service.kubernetes.io/headless'] === ''));
  const endpoints = slices.flatMap((s) => s.endpoints ?? []);
  assert.deepEqual(endpoints.find((e) => e.addresses[0] === '10.0.0.3')?.conditions, {
    ready: false,
    serving: true,
    terminating: true,
  });
  assert.equal(endpoints.find((e) => e.addresses[0] === '10.0.0.4')?.hostname, 'h4');
  await set.end();
});

test('finished Pods and Pods on unknown nodes are left out until the node is there; unready ones can be published', async () => {
  const done = { ...pod(2, false), status: { ...pod(2, false).status, phase: 'Succeeded' } };
  const set = await setUp(createEndpointSliceController, [
    service({ publishNotReadyAddresses: false }),
    pod(1, true),
    done,
  ]);
  const addresses = () =>
    set.api
      .objects(discoveryV1.EndpointSlice)
      .flatMap((s) => s.endpoints ?? [])
      .map((e) => [e.addresses[0], e.conditions?.ready]);
  assert.deepEqual(addresses(), []);
  await set.client.create(coreV1.Node, node as never, set.ctx);
  await set.clock.advance(600);
  assert.deepEqual(addresses(), [['10.0.0.1', true]]);
  await set.client.create(coreV1.Pod, pod(5, false) as never, set.ctx);
  await set.client.patch(
    coreV1.Service,
    { namespace: 'ns', name: 'web' },
    { type: 'merge', body: { spec: { publishNotReadyAddresses: true } } },
    set.ctx,
  );
  await set.clock.settle();
  assert.deepEqual(addresses(), [
    ['10.0.0.1', true],
    ['10.0.0.5', true],
  ]);
  await set.end();
});

test('a slice that someone deletes or changes is put right; labels of Pods move them', async () => {
  const set = await setUp(createEndpointSliceController, [node, service({}), pod(1, true)]);
  const slices = () => set.api.objects(discoveryV1.EndpointSlice);
  await set.client.delete(discoveryV1.EndpointSlice, slices()[0]!, set.ctx);
  await set.clock.settle();
  assert.equal(slices().length, 1);
  await set.client.patch(discoveryV1.EndpointSlice, slices()[0]!, { type: 'merge', body: { endpoints: [] } }, set.ctx);
  await set.clock.settle();
  assert.equal(slices()[0]?.endpoints?.length, 1);
  await set.client.patch(
    coreV1.Pod,
    { namespace: 'ns', name: 'p1' },
    { type: 'merge', body: { metadata: { labels: { app: 'other' } } } },
    set.ctx,
  );
  await set.clock.settle();
  assert.deepEqual(
    slices().map((s) => s.endpoints),
    [[]],
  );
  await set.end();
});

test('a cache that stands still makes no slice twice and holds no change back', async () => {
  const set = await setUp(createEndpointSliceController, [node]);
  set.api.intercept = (request) => {
    if (request.plural === 'endpointslices' && request.method === 'GET') throw new Error('no answer');
    return undefined;
  };
  set.api.endWatches();
  await set.clock.advance(3000);
  await set.client.create(coreV1.Service, service({}) as never, set.ctx);
  await set.clock.settle();
  for (let n = 1; n < 8; n++) {
    await set.client.create(coreV1.Pod, pod(n, true) as never, set.ctx);
    await set.clock.settle();
  }
  assert.deepEqual(set.cache.list(discoveryV1.EndpointSlice), [], 'the cache has seen nothing');
  assert.deepEqual(
    set.api.objects(discoveryV1.EndpointSlice).map((s) => s.endpoints?.length),
    [7],
  );
  await set.end();
});

test('Endpoints of a Service without a selector are mirrored, unless told not to', async () => {
  const endpoints = (labels = {}) => ({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...meta('web', { team: 'x', ...labels }),
      annotations: { note: 'n', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
    },
    subsets: [
      {
        addresses: [{ ip: '1.2.3.4' }, { ip: 'fd00::1' }, { ip: 'no' }],
        notReadyAddresses: [{ ip: '1.2.3.5' }],
        ports: [{ port: 80 }],
      },
    ],
  });
  const set = await setUp(createEndpointSliceMirroringController, [service({ selector: undefined }), endpoints()]);
  const slices = () => set.api.objects(discoveryV1.EndpointSlice);
  const seen = slices().map((s) => [
    s.addressType,
    s.endpoints?.map((e) => `${e.addresses[0]} ${e.conditions?.ready}`).join(),
  ]);
  assert.deepEqual(seen.toSorted(), [
    ['IPv4', '1.2.3.4 true,1.2.3.5 false'],
    ['IPv6', 'fd00::1 true'],
  ]);
  assert.deepEqual(slices()[0]?.metadata.annotations, { note: 'n' });
  assert.equal(
    slices()[0]?.metadata.labels?.['endpointslice.kubernetes.io/managed-by'],
    'endpointslicemirroring-controller.k8s.io',
  );
  assert.deepEqual(
    [...new Set(set.told)],
    ['InvalidIPAddress: Skipped 1 invalid IP addresses when mirroring to EndpointSlices'],
  );
  const skip = { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } };
  await set.client.patch(coreV1.Endpoints, { namespace: 'ns', name: 'web' }, { type: 'merge', body: skip }, set.ctx);
  await set.clock.settle();
  assert.deepEqual(slices(), []);
  await set.end();
});
