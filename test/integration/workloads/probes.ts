/** Liveness, readiness and startup probes of all four kinds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSliceList } from '@kapella/api/types/discovery-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { IDLE, pod, service } from '../../support/manifests.ts';
import { NODE_IMAGE } from '../../support/node-image.ts';
import { conditionOf, containerOf, isReady, openSession, restartsOf, type Session } from '../../support/session.ts';

const QUICK = { periodSeconds: 1, failureThreshold: 2 };

/** Serves until the container ends; `/tmp/www/ok` is what it answers. */
const SERVER = 'mkdir -p /tmp/www; echo yes > /tmp/www/ok; exec httpd -f -p 8080 -h /tmp/www';

/** grpc.health.v1 by hand: one length-prefixed message with status SERVING (1), or NOT_SERVING (2). */
const HEALTH = `
let status = 1;
const server = require('node:http2').createServer();
server.on('stream', (stream, headers) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
});
server.listen(8080);
process.on('SIGUSR2', () => status = 2);
`;

export function probeTests(cluster: () => TestCluster): void {
  test('readiness by exec: in and out of the endpoints, without a restart', async () => {
    const s = await openSession(cluster(), 'ready');
    const readinessProbe = { exec: { command: ['cat', '/tmp/ready'] }, ...QUICK };
    const container = { readinessProbe, ports: [{ name: 'http', containerPort: 8080 }] };
    await s.apply(service('main'), pod('main', { script: IDLE, container }));
    await s.podUntil('main', 'runs but is not ready', (seen) => seen.status?.phase === 'Running' && !isReady(seen));
    await s.eventOf('main', 'Unhealthy', /Readiness probe failed: cat: can't open '\/tmp\/ready'/);
    await eventually('the endpoint is not ready', async () => (await readyOf(s)) === false);
    assert.match(await s.k('get pod main'), /main\s+0\/1\s+Running/);
    await s.exec('main', 'touch /tmp/ready');
    await s.ready('main', 10_000);
    await eventually('the endpoint is ready', async () => (await readyOf(s)) === true);
    await s.exec('main', 'rm /tmp/ready');
    const out = await s.podUntil('main', 'is not ready', (seen) => !isReady(seen), 10_000);
    assert.equal(conditionOf(out, 'ContainersReady'), 'False');
    await eventually('the endpoint is not ready again', async () => (await readyOf(s)) === false);
    assert.equal(restartsOf(await s.pod('main')), 0);
  });

  test('liveness by HTTP: a wrong answer restarts the container', async () => {
    const s = await openSession(cluster(), 'http');
    const httpHeaders = [{ name: 'X-Probe', value: 'yes' }];
    const livenessProbe = { httpGet: { path: '/ok', port: 'http', httpHeaders }, ...QUICK };
    await s.apply(
      pod('main', { script: SERVER, container: { livenessProbe, ports: [{ name: 'http', containerPort: 8080 }] } }),
    );
    await s.ready('main');
    await s.exec('main', 'rm /tmp/www/ok');
    await s.eventOf('main', 'Unhealthy', /Liveness probe failed: HTTP probe failed with statuscode: 404/);
    await s.eventOf('main', 'Killing', /Container main failed liveness probe, will be restarted/);
    const seen = await s.podUntil('main', 'was restarted', (found) => restartsOf(found) === 1 && isReady(found));
    assert.equal(containerOf(seen)?.lastState?.terminated?.reason === undefined, false);
  });

  test('liveness by TCP: a closed port restarts the container', async () => {
    const s = await openSession(cluster(), 'tcp');
    const script = 'httpd -p 8080; while true; do sleep 1; done';
    await s.apply(pod('main', { script, container: { livenessProbe: { tcpSocket: { port: 8080 }, ...QUICK } } }));
    await s.ready('main');
    await s.exec('main', 'killall httpd');
    await s.eventOf('main', 'Unhealthy', /Liveness probe failed: dial tcp [\d.]+:8080: connect: connection refused/);
    await s.podUntil('main', 'was restarted', (seen) => restartsOf(seen) === 1);
  });

  test('readiness by gRPC: NOT_SERVING is not ready', async () => {
    const s = await openSession(cluster(), 'grpc');
    const container = { readinessProbe: { grpc: { port: 8080 }, ...QUICK } };
    await s.apply(pod('main', { image: NODE_IMAGE, command: ['node', '-e', HEALTH], container }));
    await s.ready('main');
    await s.exec('main', 'kill -USR2 1');
    await s.podUntil('main', 'is not ready', (seen) => !isReady(seen));
    await s.eventOf('main', 'Unhealthy', /NOT_SERVING/);
  });

  test('a startup probe holds the others back until it succeeds once', async () => {
    const s = await openSession(cluster(), 'startup');
    const httpGet = { path: '/ok', port: 8080 };
    const container = {
      startupProbe: { httpGet, periodSeconds: 1, failureThreshold: 30 },
      livenessProbe: { httpGet, periodSeconds: 1, failureThreshold: 1 },
    };
    await s.apply(pod('slow', { script: `sleep 4; ${SERVER}`, container }));
    const early = await s.podUntil('slow', 'runs', (seen) => seen.status?.phase === 'Running');
    assert.equal(containerOf(early)?.started, false);
    const seen = await s.ready('slow', 20_000);
    assert.equal(containerOf(seen)?.started, true);
    assert.equal(restartsOf(seen), 0, 'liveness would have failed during the first four seconds');
  });

  test('a startup probe that never succeeds restarts the container', async () => {
    const s = await openSession(cluster(), 'nostart');
    const startupProbe = { exec: { command: ['false'] }, ...QUICK };
    await s.apply(pod('main', { container: { startupProbe } }));
    await s.eventOf('main', 'Killing', /Container main failed startup probe, will be restarted/);
    await s.podUntil('main', 'was restarted', (seen) => restartsOf(seen) >= 1);
  });

  test('an exec probe that takes too long is a failed one', async () => {
    const s = await openSession(cluster(), 'late');
    const readinessProbe = { exec: { command: ['sleep', '30'] }, timeoutSeconds: 1, ...QUICK };
    await s.apply(pod('main', { container: { readinessProbe } }));
    await s.eventOf('main', 'Unhealthy', /Readiness probe .*(timed out|deadline)/);
    assert.equal(isReady(await s.pod('main')), false);
  });
}

/** Condition `ready` of the one endpoint of Service main; undefined while there is none. */
async function readyOf(s: Session): Promise<boolean | undefined> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${s.ns}/endpointslices?labelSelector=kubernetes.io/service-name%3Dmain`;
  const { items } = await s.api.get<EndpointSliceList>(path);
  return items.flatMap((slice) => slice.endpoints ?? [])[0]?.conditions?.ready;
}
