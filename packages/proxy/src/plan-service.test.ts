/** What each kind of Service contributes: golden elements. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '@kapella/api/types/core-v1';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import { testEndpoint as ep, testNode, testService, testSlice } from './fixtures.test-support.ts';
import { planHostPorts } from './plan-host-ports.ts';
import { planService } from './plan-service.ts';

const lines = (service: Service, slices: readonly EndpointSlice[]) =>
  planService(service, slices, testNode, 'IPv4')
    .elements.map((e) => `${e.set}: ${e.key}${e.value === '' ? '' : ` : ${e.value}`}`)
    .sort();

test('ClusterIP with two endpoints; only those of this node can hairpin', () => {
  assert.deepEqual(lines(testService('a', {}), [testSlice('a', [ep('10.244.0.2'), ep('10.244.1.3', 'n2')])]), [
    'cluster-ips: 10.96.0.10',
    'endpoints: 10.96.0.10 . 6 . 80 . 0 : 10.244.0.2 . 8080',
    'endpoints: 10.96.0.10 . 6 . 80 . 1 : 10.244.1.3 . 8080',
    'hairpin: 10.244.0.2 . 10.244.0.2',
    'services: 10.96.0.10 . 6 . 80 : goto pick-2',
  ]);
});

test('no endpoints: refused; internalTrafficPolicy Local with endpoints elsewhere only: dropped', () => {
  assert.deepEqual(lines(testService('a', {}), []), [
    'cluster-ips: 10.96.0.10',
    'refused: 10.96.0.10 . 6 . 80 : goto refuse',
  ]);
  const local = testService('a', { internalTrafficPolicy: 'Local' });
  assert.ok(lines(local, [testSlice('a', [ep('10.244.1.3', 'n2')])]).includes('refused: 10.96.0.10 . 6 . 80 : drop'));
});

test('readiness: not ready is left out; serving-terminating stands in when none is ready', () => {
  const ending = ep('10.244.0.3', 'n1', { ready: false, serving: true, terminating: true });
  const sick = ep('10.244.0.4', 'n1', { ready: false, serving: false });
  const endpoints = (list: readonly ReturnType<typeof ep>[]) =>
    lines(testService('a', {}), [testSlice('a', list)]).filter((l) => l.startsWith('endpoints:'));
  assert.deepEqual(endpoints([ep('10.244.0.2'), ending, sick]), [
    'endpoints: 10.96.0.10 . 6 . 80 . 0 : 10.244.0.2 . 8080',
  ]);
  assert.deepEqual(endpoints([ending, sick]), ['endpoints: 10.96.0.10 . 6 . 80 . 0 : 10.244.0.3 . 8080']);
  assert.deepEqual(endpoints([sick]), []);
});

test('NodePort, externalIPs and LoadBalancer with source ranges', () => {
  const service = testService(
    'a',
    {
      type: 'LoadBalancer',
      ports: [{ port: 80, nodePort: 30080 }],
      externalIPs: ['203.0.113.9'],
      loadBalancerSourceRanges: ['198.51.100.0/24', '2001:db8::/32'],
    },
    { loadBalancer: { ingress: [{ ip: '203.0.113.1' }, { ip: '203.0.113.2', ipMode: 'Proxy' }] } },
  );
  const found = lines(service, [testSlice('a', [ep('10.244.0.2')])]);
  for (const front of [
    '10.96.0.10 . 6 . 80',
    '192.0.2.1 . 6 . 30080',
    '203.0.113.9 . 6 . 80',
    '203.0.113.1 . 6 . 80',
  ]) {
    assert.ok(found.includes(`services: ${front} : goto pick-1`), front);
  }
  assert.deepEqual(
    found.filter((l) => l.startsWith('masq')),
    [
      'masquerades: 192.0.2.1 . 6 . 30080 : jump mark-all',
      'masquerades: 203.0.113.1 . 6 . 80 : jump mark-all',
      'masquerades: 203.0.113.9 . 6 . 80 : jump mark-all',
    ],
  );
  assert.deepEqual(
    found.filter((l) => l.startsWith('allowed')),
    ['allowed: 203.0.113.1 . 6 . 80 . 198.51.100.0/24'],
  );
  assert.deepEqual(
    found.filter((l) => l.startsWith('guarded')),
    ['guarded: 203.0.113.1 . 6 . 80'],
  );
});

test('externalTrafficPolicy Local: outside goes to this node alone, inside goes anywhere', () => {
  const service = testService('a', {
    type: 'NodePort',
    ports: [{ port: 80, nodePort: 30080 }],
    externalTrafficPolicy: 'Local',
  });
  const both = lines(service, [testSlice('a', [ep('10.244.0.2'), ep('10.244.1.2', 'n2')])]);
  assert.ok(both.includes('external-local: 192.0.2.1 . 6 . 30080 : goto pick-local-1'));
  assert.ok(both.includes('services: 192.0.2.1 . 6 . 30080 : goto pick-2'));
  assert.ok(both.includes('masquerades: 192.0.2.1 . 6 . 30080 : jump mark-local'));
  const away = lines(service, [testSlice('a', [ep('10.244.1.2', 'n2')])]);
  assert.ok(away.includes('external-local: 192.0.2.1 . 6 . 30080 : drop'));
});

test('session affinity: an endpoint keeps its number when another goes', () => {
  const service = testService('a', {
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  });
  const ids = (ips: readonly string[]) =>
    lines(service, [
      testSlice(
        'a',
        ips.map((ip) => ep(ip)),
      ),
    ]).filter((l) => l.startsWith('sticky-endpoints'));
  const all = ids(['10.244.0.2', '10.244.0.3', '10.244.0.4']);
  assert.equal(all.length, 3);
  const fewer = ids(['10.244.0.2', '10.244.0.4']);
  assert.ok(fewer.every((line) => all.includes(line)));
  assert.ok(
    lines(service, [testSlice('a', [ep('10.244.0.2')])]).includes('services: 10.96.0.10 . 6 . 80 : goto stick-1-60'),
  );
});

test('headless, ExternalName and other proxies: nothing', () => {
  assert.deepEqual(lines(testService('a', { clusterIP: 'None' }), []), []);
  assert.deepEqual(lines(testService('a', { type: 'ExternalName', externalName: 'x.example' }), []), []);
});

test('hostPort: on the node addresses and loopback, or the given address only', () => {
  const pod = (hostIP?: string) => ({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'p', namespace: 'd', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80, hostPort: 8000, hostIP }] }] },
    status: { phase: 'Running' as const, podIP: '10.244.0.7', podIPs: [{ ip: '10.244.0.7' }] },
  });
  const services = (hostIP?: string) =>
    planHostPorts(pod(hostIP) as never, testNode, 'IPv4')
      .elements.filter((e) => e.set === 'services')
      .map((e) => e.key);
  assert.deepEqual(services(), ['192.0.2.1 . 6 . 8000', '127.0.0.1 . 6 . 8000']);
  assert.deepEqual(services('127.0.0.1'), ['127.0.0.1 . 6 . 8000']);
});
