/** Probes on a virtual clock: when they run, what their thresholds make of the outcomes, what is reported. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod, Probe } from '@kapella/api/types/core-v1';
import { createVirtualClock, silentLogger } from '@kapella/base';
import { hostRandom } from '@kapella/base/node';
import type { ProbeTarget } from '../prober.ts';
import { createProbeManager } from './probe-manager.ts';
import { httpCall, type ProbeOutcome } from './probe-runner.ts';

function setUp(probes: Record<string, Probe>) {
  const clock = createVirtualClock();
  const abort = new AbortController();
  const ctx = { signal: abort.signal, log: silentLogger, clock, random: hostRandom };
  let outcome: ProbeOutcome = { result: 'success', output: '' };
  let calls = 0;
  let takesMs = 0;
  const beatsMs: number[] = [];
  const events: string[] = [];
  const probe = async () => {
    calls++;
    beatsMs.push(clock.nowMs());
    if (takesMs > 0) await new Promise<void>((resolve) => void clock.setTimer(takesMs, resolve));
    return outcome;
  };
  const drivers = { http: probe, tcp: probe, grpc: probe, exec: probe };
  const recorder = {
    event: (_: unknown, type: string, reason: string, message: string) =>
      void events.push(`${type} ${reason} ${message}`),
  };
  const manager = createProbeManager({ drivers, events: recorder }, ctx);
  const spec = { name: 'c', image: 'x', ...probes };
  const pod = { metadata: { name: 'p', namespace: 'd', uid: 'u' }, spec: { containers: [spec] } } as unknown as Pod;
  const target: ProbeTarget = {
    pod,
    podIp: '10.0.0.1',
    containers: [{ spec, containerId: 'id', startedAtMs: clock.nowMs() }],
  };
  const changes: string[] = [];
  manager.onChange((uid) => changes.push(uid));
  return {
    manager,
    clock,
    target,
    events,
    changes,
    stop: () => abort.abort(),
    calls: () => calls,
    beatsMs,
    take: (ms: number) => {
      takesMs = ms;
    },
    answer: (result: 'success' | 'failure', output = '') => {
      outcome = { result, output };
    },
  };
}

const tcp = (rest: Partial<Probe>): Probe => ({ tcpSocket: { port: 80 }, periodSeconds: 10, ...rest });

describe('probes', () => {
  test('readiness is false until the first success, and false again after failureThreshold', async () => {
    const world = setUp({ readinessProbe: tcp({ initialDelaySeconds: 5, failureThreshold: 2 }) });
    world.manager.sync(world.target);
    assert.equal(world.manager.result('id', 'readiness'), 'failure');
    await world.clock.advance(4_999);
    assert.equal(world.calls(), 0);
    await world.clock.advance(1);
    assert.equal(world.manager.result('id', 'readiness'), 'success');
    world.answer('failure', 'dial tcp: refused');
    await world.clock.advance(10_000);
    assert.equal(world.manager.result('id', 'readiness'), 'success');
    await world.clock.advance(10_000);
    assert.equal(world.manager.result('id', 'readiness'), 'failure');
    assert.deepEqual(world.changes, ['u', 'u']);
    assert.deepEqual(world.events, Array(2).fill('Warning Unhealthy Readiness probe failed: dial tcp: refused'));
  });

  test('liveness waits for startup, then runs at once', async () => {
    const world = setUp({
      startupProbe: tcp({ failureThreshold: 30 }),
      livenessProbe: tcp({ failureThreshold: 1, periodSeconds: 3600 }),
    });
    world.answer('failure');
    world.manager.sync(world.target);
    await world.clock.advance(60_000);
    assert.equal(world.manager.result('id', 'startup'), undefined);
    assert.equal(world.manager.result('id', 'liveness'), 'success');
    world.answer('success');
    await world.clock.advance(10_000);
    assert.equal(world.manager.result('id', 'startup'), 'success');
    const calls = world.calls();
    await world.clock.advance(100_000);
    assert.ok(world.calls() - calls <= 1, 'the startup probe is done');
  });

  test('slow probes keep the beat, and a beat that passes meanwhile is left out', async () => {
    const world = setUp({ readinessProbe: tcp({}) });
    const startMs = world.clock.nowMs();
    world.take(3_000);
    world.manager.sync(world.target);
    await world.clock.advance(25_000);
    world.take(15_000);
    await world.clock.advance(40_000);
    const beats = world.beatsMs.map((ms) => (ms - startMs) / 1000);
    assert.deepEqual(beats, [0, 10, 20, 30, 50]);
    world.stop();
  });

  test('what is gone is not probed: removed Pods, ended containers, liveness of a terminating Pod', async () => {
    const world = setUp({ readinessProbe: tcp({}), livenessProbe: tcp({}) });
    world.manager.sync(world.target);
    await world.clock.advance(0);
    assert.equal(world.calls(), 2);
    world.manager.stopLivenessAndStartup('u');
    await world.clock.advance(10_000);
    assert.equal(world.calls(), 3);
    world.manager.sync({ ...world.target, containers: [] });
    await world.clock.advance(60_000);
    assert.equal(world.calls(), 3);
    assert.equal(world.clock.pending, 0);
  });
});

test('an HTTP probe goes to the Pod, by named port, with its headers', () => {
  const container = { name: 'c', ports: [{ name: 'web', containerPort: 8080 }] };
  const at = { pod: {} as Pod, podIp: '10.0.0.1', container, containerId: 'id' };
  const call = httpCall({ port: 'web', path: 'health', httpHeaders: [{ name: 'Host', value: 'x' }] }, at);
  assert.deepEqual(call, {
    scheme: 'http',
    host: '10.0.0.1',
    port: 8080,
    path: '/health',
    headers: Object.assign(Object.create(null), { host: 'x', 'user-agent': 'kube-probe/1.36', accept: '*/*' }),
  });
  assert.equal(httpCall({ port: 'nope' }, at), 'invalid port: nope');
});
