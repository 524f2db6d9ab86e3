/** EndpointSlices: who is in them, and in which condition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, EndpointSliceList } from '@kapella/api/types/discovery-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { getOnce, runLoad } from '../../support/load.ts';
import { pod, service, WEB } from '../../support/manifests.ts';
import { openSession, type Session } from '../../support/session.ts';
import { answers, ipOf } from './addresses.ts';

const GATED = {
  ...WEB,
  container: {
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1, failureThreshold: 1 },
  },
};

async function slicesOf(s: Session, name: string) {
  const selector = encodeURIComponent(`kubernetes.io/service-name=${name}`);
  const path = `/apis/discovery.k8s.io/v1/namespaces/${s.ns}/endpointslices?labelSelector=${selector}`;
  return (await s.api.get<EndpointSliceList>(path)).items;
}
const endpointsOf = async (s: Session, name: string): Promise<readonly Endpoint[]> =>
  (await slicesOf(s, name)).flatMap((slice) => slice.endpoints ?? []);

export function endpointTests(cluster: () => TestCluster): void {
  test('endpoints follow readiness; traffic follows endpoints', async () => {
    const s = await openSession(cluster(), 'follow');
    const labels = { app: 'web' };
    await s.apply(pod('a', { ...GATED, labels }), pod('b', { ...GATED, labels }), service('web'));
    await eventually('both Pods are there, neither ready', async () => {
      const all = await endpointsOf(s, 'web');
      return all.length === 2 && all.every(({ conditions }) => conditions?.ready === false);
    });
    const url = `http://${await ipOf(s, 'web')}/`;
    await assert.rejects(getOnce(url, 1000), /ECONNREFUSED/);
    await eventually(
      'a can be told to be ready',
      async () => (await s.try('exec a -- touch /tmp/www/ready')).code === 0,
    );
    await s.ready('a');
    await answers(url);
    for (let i = 0; i < 10; i++) assert.equal(await getOnce(url), 'a\n');
    await s.exec('b', 'touch /tmp/www/ready');
    await s.exec('a', 'rm /tmp/www/ready');
    await eventually('only b is ready', async () => {
      const ready = (await endpointsOf(s, 'web')).filter(({ conditions }) => conditions?.ready === true);
      return ready.length === 1 && ready[0]?.targetRef?.name === 'b';
    });
    // One answer of b may be chance while the rules still have both.
    await eventually('only b answers, ten times', async () => {
      const { answers: seen } = await runLoad(url, { requestsMin: 10 });
      return seen.size === 1 && seen.has('b\n');
    });
    const [slice] = await slicesOf(s, 'web');
    assert.deepEqual([slice?.addressType, slice?.ports?.[0]?.name, slice?.ports?.[0]?.port], ['IPv4', 'http', 8080]);
    assert.equal(slice?.endpoints?.[0]?.nodeName, cluster().name);
    assert.match(await s.k('describe service web'), /Endpoints:\s+10\.118\.[\d.]+:8080/);
  });

  test('a Pod that ends is terminating and serving, then gone', async () => {
    const s = await openSession(cluster(), 'ending');
    const lifecycle = { preStop: { sleep: { seconds: 4 } } };
    const web = { ...WEB, container: { ...WEB.container, lifecycle }, spec: { terminationGracePeriodSeconds: 10 } };
    await s.apply(pod('web', web), service('web'));
    await s.ready('web');
    await eventually('the endpoint is ready', async () => (await endpointsOf(s, 'web'))[0]?.conditions?.ready === true);
    await s.k('delete pod web --wait=false');
    const { conditions } = await eventually('the endpoint is terminating', async () => {
      const [only] = await endpointsOf(s, 'web');
      return only?.conditions?.terminating === true && only;
    });
    assert.deepEqual([conditions?.ready, conditions?.serving], [false, true]);
    // With no other endpoint, those that still serve get the traffic.
    assert.equal(await getOnce(`http://${await ipOf(s, 'web')}/`), 'web\n');
    await eventually('the endpoint is gone', async () => (await endpointsOf(s, 'web')).length === 0);
  });

  test('publishNotReadyAddresses, a Service without selector, and an address outside', async () => {
    const s = await openSession(cluster(), 'manual');
    await s.apply(pod('web', GATED), service('early', { selector: { app: 'web' }, publishNotReadyAddresses: true }), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'outside' },
      spec: { ports: [{ name: 'http', port: 80 }] },
    });
    const ready = await eventually('the unready Pod is published', async () => {
      const [only] = await endpointsOf(s, 'early');
      return only?.conditions?.ready === true && only;
    });
    await s.apply({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'outside-1', labels: { 'kubernetes.io/service-name': 'outside' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080 }],
      endpoints: [{ addresses: ready.addresses, conditions: { ready: true } }],
    });
    const url = `http://${await ipOf(s, 'outside')}/`;
    await answers(url);
    assert.equal(await getOnce(url), 'web\n');
  });
}
