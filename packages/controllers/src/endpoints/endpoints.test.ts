/** Endpoints: layout, capacity, and the controller against an API in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import type { EndpointSubset, Pod, Service } from '@kapella/api/types/core-v1';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { createCache, createClient } from '@kapella/client';
import { createFakeApi } from '@kapella/client/fake';
import { runControllers, slowStart } from '@kapella/controller';
import fc from 'fast-check';
import { createEndpointsController } from './endpoints.controller.ts';
import { type AddressOnPort, packSubsets } from './pack-subsets.ts';
import { CAPACITY, planEndpoints, truncate } from './plan-endpoints.ts';

const meta = (name: string, more: object = {}) => ({
  name,
  namespace: 'ns',
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '',
  ...more,
});
const service = (spec: object = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta('web', { labels: { team: 'x' } }),
  spec: {
    clusterIP: '10.96.0.9',
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'https', port: 443, targetPort: 'tls' },
    ],
    ...spec,
  },
});
const pod = (n: number, ready: boolean, tls = 8443): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta(`p${n}`, { labels: { app: 'web' } }),
  spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i', ports: [{ name: 'tls', containerPort: tls }] }] },
  status: {
    phase: 'Running',
    podIPs: [{ ip: `10.0.0.${n}` }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});
const brief = (subsets: readonly EndpointSubset[] | undefined) =>
  subsets?.map((s) => [
    s.ports?.map((p) => p.port).join(),
    s.addresses?.map((a) => a.ip).join(),
    s.notReadyAddresses?.map((a) => a.ip).join(),
  ]);

test('ports that the same addresses offer share a subset; ready and not ready apart', () => {
  const planned = planEndpoints(service(), [pod(2, true), pod(1, true), pod(3, false)], undefined);
  assert.deepEqual(brief(planned?.subsets), [['8080,8443', '10.0.0.1,10.0.0.2', '10.0.0.3']]);
  assert.deepEqual(planned?.metadata.labels, {
    team: 'x',
    'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
  });
  const mixed = planEndpoints(service(), [pod(1, true), pod(2, true, 9443)], undefined);
  assert.deepEqual(
    brief(mixed?.subsets)?.toSorted(),
    [
      ['8080', '10.0.0.1,10.0.0.2', undefined],
      ['8443', '10.0.0.1', undefined],
      ['9443', '10.0.0.2', undefined],
    ].toSorted(),
  );
});

test('a headless Service without ports lists addresses; terminating Pods only when published', () => {
  const spec = { clusterIP: 'None', ports: [] };
  const going = { ...pod(2, true), metadata: { ...pod(2, true).metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  const planned = planEndpoints(service(spec), [pod(1, true), going], undefined);
  assert.deepEqual(brief(planned?.subsets), [[undefined, '10.0.0.1', undefined]]);
  assert.equal(planned?.metadata.labels?.['service.kubernetes.io/headless'], '');
  const published = planEndpoints(
    service({ ...spec, publishNotReadyAddresses: true }),
    [pod(1, false), going],
    undefined,
  );
  assert.deepEqual(brief(published?.subsets), [[undefined, '10.0.0.1,10.0.0.2', undefined]]);
});

test('packing depends on no order, and its output packs to itself', () => {
  const entry = fc.record({
    n: fc.integer({ min: 1, max: 6 }),
    port: fc.constantFrom(0, 80, 443, 8080),
    ready: fc.boolean(),
  });
  const make = (e: { n: number; port: number; ready: boolean }): AddressOnPort => ({
    address: { ip: `10.0.0.${e.n}` },
    port: e.port === 0 ? undefined : { port: e.port, protocol: 'TCP' },
    ready: e.ready,
  });
  const unpack = (subsets: readonly EndpointSubset[]): AddressOnPort[] =>
    subsets.flatMap((s) =>
      (s.ports ?? [undefined]).flatMap((port) => [
        ...(s.addresses ?? []).map((address) => ({ address, port, ready: true })),
        ...(s.notReadyAddresses ?? []).map((address) => ({ address, port, ready: false })),
      ]),
    );
  fc.assert(
    fc.property(
      fc
        .array(entry, { maxLength: 20 })
        .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
      ([list, shuffled]) => {
        const ported = list.some((e) => e.port === 0) ? list.filter((e) => e.port === 0) : list;
        const packed = packSubsets(ported.map(make));
        assert.deepEqual(packSubsets(shuffled.filter((e) => ported.includes(e)).map(make)), packed);
        assert.deepEqual(packSubsets(unpack(packed)), packed);
      },
    ),
  );
});

test('more than 1000 addresses are cut, ready ones last, and said so', () => {
  const addresses = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({ ip: `10.${from}.${i >> 8}.${i & 255}` }));
  const count = (subsets: readonly EndpointSubset[], field: 'addresses' | 'notReadyAddresses') =>
    subsets.reduce((n, s) => n + (s[field]?.length ?? 0), 0);
  const some = truncate([
    { addresses: addresses(1, 600), notReadyAddresses: addresses(2, 300) },
    { addresses: addresses(3, 100), notReadyAddresses: addresses(4, 500) },
  ]);
  assert.deepEqual([count(some, 'addresses'), count(some, 'notReadyAddresses')], [700, 300]);
  const many = truncate([
    { addresses: addresses(1, 900), notReadyAddresses: addresses(2, 300) },
    { addresses: addresses(3, 900) },
  ]);
  assert.deepEqual([count(many, 'addresses'), count(many, 'notReadyAddresses')], [CAPACITY, 0]);
  const pods = Array.from({ length: 1001 }, (_, n) => ({
    ...pod(n, true),
    status: { ...pod(n, true).status, podIPs: [{ ip: `10.1.${n >> 8}.${n & 255}` }] },
  }));
  const planned = planEndpoints(service(), pods, undefined);
  assert.equal(planned?.metadata.annotations?.['endpoints.kubernetes.io/over-capacity'], 'truncated');
});

test('the controller follows readiness, leaves equal ones alone, removes what is left over', async () => {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  const managed = { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' };
  const byHand = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'hand', namespace: 'ns' }, subsets: [] };
  api.seed(service(), pod(1, false), byHand, {
    ...byHand,
    metadata: { name: 'old', namespace: 'ns', labels: managed },
  });
  const client = createClient(api, { userAgent: 'test/1' });
  const cache = createCache(client);
  const controller = createEndpointsController({ cache, client, events: { event: () => {} }, batch: slowStart });
  const running = runControllers([controller], { cache }, ctx);
  await clock.settle();
  const web = () => api.objects(coreV1.Endpoints).find((e) => e.metadata.name === 'web');
  // Left over from a Service that went while nobody looked: nothing queues it but its own event.
  assert.deepEqual(
    api
      .objects(coreV1.Endpoints)
      .map((e) => e.metadata.name)
      .toSorted(),
    ['hand', 'web'],
  );
  assert.deepEqual(brief(web()?.subsets), [['8080,8443', undefined, '10.0.0.1']]);
  const [current] = api.objects(coreV1.Pod);
  assert.ok(current);
  const before = api.writes.length;
  await client.patchStatus(
    coreV1.Pod,
    current,
    { ...current.status, conditions: [{ type: 'Ready', status: 'True' }] },
    ctx,
  );
  await clock.settle();
  assert.deepEqual(brief(web()?.subsets), [['8080,8443', '10.0.0.1', undefined]]);
  assert.equal(api.writes.length - before, 2);
  await client.delete(coreV1.Service, { namespace: 'ns', name: 'web' }, ctx);
  await clock.settle();
  assert.equal(web(), undefined);
  stop.abort();
  await clock.settle();
  await running;
});
