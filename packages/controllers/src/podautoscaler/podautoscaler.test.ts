/** Autoscalers over a played scale and metrics API; the arithmetic for itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autoscalingV2 } from '@kapella/api';
import type { HorizontalPodAutoscaler } from '@kapella/api/types/autoscaling-v2';
import { ApiError } from '@kapella/base';
import { createHarness } from '../workload/harness.test-support.ts';
import { DEFAULT_TUNING } from '../tuning.ts';
import { limit, type LimitInput, type ScalingMemory } from './limits.ts';
import { createPodAutoscalerController } from './podautoscaler.controller.ts';

const autoscalerOf = (spec: object = {}): HorizontalPodAutoscaler =>
  ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h', namespace: 'default' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 1,
      maxReplicas: 10,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
      ],
      ...spec,
    },
  }) as never;

async function begin(options: { replicas?: number; milli?: number; spec?: object; podSpec?: object } = {}) {
  const t = createHarness();
  const state = { replicas: options.replicas ?? 2, milli: options.milli as number | undefined };
  const startTime = '2025-12-31T00:00:00Z';
  const podOf = (i: number) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `web-${i}`, namespace: 'default', labels: { app: 'web' } },
    spec: options.podSpec ?? { containers: [{ name: 'c', resources: { requests: { cpu: '100m' } } }] },
    status: {
      phase: 'Running',
      startTime,
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: startTime }],
    },
  });
  t.api.intercept = (call) => {
    if (call.subresource === 'scale') {
      if (call.method === 'PUT') state.replicas = call.body.spec.replicas;
      return {
        kind: 'Scale',
        metadata: { name: 'web' },
        spec: { replicas: state.replicas },
        status: { replicas: state.replicas, selector: 'app=web' },
      };
    }
    if (!call.root.includes('metrics.k8s.io')) return undefined;
    if (state.milli === undefined) throw new ApiError('NotFound', 'the server could not find the requested resource');
    const items = t.pods().map(({ metadata: { name } }) => ({
      metadata: { name },
      timestamp: new Date(t.clock.nowMs()).toISOString(),
      window: '30s',
      containers: [{ name: 'c', usage: { cpu: `${state.milli}m` } }],
    }));
    return { items };
  };
  t.api.seed(autoscalerOf(options.spec), ...Array.from({ length: state.replicas }, (_, i) => podOf(i)));
  await t.start(createPodAutoscalerController(t.deps));
  const status = () => t.api.objects(autoscalingV2.HorizontalPodAutoscaler)[0]?.status;
  const conditions = () =>
    (status()?.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);
  return { ...t, state, status, conditions };
}

test('no metrics API: conditions and events as upstream', async () => {
  const t = await begin();
  assert.equal(t.state.replicas, 2);
  const cause =
    'unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could ' +
    'not find the requested resource (get pods.metrics.k8s.io)';
  assert.deepEqual(
    t.told.map(({ reason, message }) => [reason, message]),
    [
      ['FailedGetResourceMetric', `failed to get cpu utilization: ${cause}`],
      [
        'FailedComputeMetricsReplicas',
        'invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed ' +
          `to get cpu utilization: ${cause}`,
      ],
    ],
  );
  assert.deepEqual(t.conditions(), [
    'AbleToScale=True SucceededGetScale',
    'ScalingActive=False FailedGetResourceMetric',
  ]);
  assert.equal(
    t.status()?.conditions?.[1]?.message,
    `the HPA was unable to compute the replica count: failed to get cpu utilization: ${cause}`,
  );
  assert.equal(t.status()?.currentReplicas, 2);
  await t.clock.advance(14_000);
  assert.equal(t.told.length, 2);
  await t.clock.advance(2_000);
  assert.equal(t.told.length, 4);
  await t.stop();
});

test('scales up by utilization', async () => {
  const t = await begin({ milli: 100 });
  assert.equal(t.state.replicas, 4);
  assert.deepEqual(t.conditions(), [
    'AbleToScale=True SucceededRescale',
    'ScalingActive=True ValidMetricFound',
    'ScalingLimited=False DesiredWithinRange',
  ]);
  const current = { averageUtilization: 100, averageValue: '100m' };
  assert.deepEqual(t.status()?.currentMetrics, [{ type: 'Resource', resource: { name: 'cpu', current } }]);
  assert.equal(
    t.told[0]?.message,
    'New size: 4; reason: cpu resource utilization (percentage of request) above target',
  );
  assert.deepEqual([t.status()?.currentReplicas, t.status()?.desiredReplicas], [2, 4]);
  await t.stop();
});

test('scales down only after five minutes of low load', async () => {
  const t = await begin({ replicas: 4, milli: 10 });
  assert.equal(t.state.replicas, 4);
  assert.ok(t.conditions().includes('AbleToScale=True ScaleDownStabilized'));
  await t.clock.advance(5 * 60_000 + 16_000);
  assert.equal(t.state.replicas, 1);
  await t.stop();
});

test('bounds, and a target at zero', async () => {
  const above = await begin({ replicas: 12 });
  assert.equal(above.state.replicas, 10);
  assert.equal(above.told[0]?.message, 'New size: 10; reason: Current number of replicas above Spec.MaxReplicas');
  await above.stop();
  const zero = await begin({ replicas: 0 });
  assert.ok(zero.conditions().includes('ScalingActive=False ScalingDisabled'));
  await zero.stop();
});

test('what is missing is told', async () => {
  const request = await begin({ milli: 10, podSpec: { containers: [{ name: 'c' }] } });
  assert.equal(
    request.told[0]?.message,
    'failed to get cpu utilization: missing request for cpu in container c of Pod web-0',
  );
  await request.stop();
  const target = await begin({ spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Nothing', name: 'x' } } });
  assert.deepEqual(target.conditions(), ['AbleToScale=False FailedGetScale']);
  assert.equal(target.told[0]?.message, 'no matches for kind "Nothing" in group "apps"');
  await target.stop();
});

test('limits by rules', () => {
  const none: ScalingMemory = { recommendations: [], ups: [], downs: [] };
  const rules = (scaleUp: object, scaleDown: object) =>
    autoscalerOf({ maxReplicas: 100, behavior: { scaleUp, scaleDown } });
  const pods = (value: number, more: object = {}) => ({
    stabilizationWindowSeconds: 0,
    policies: [{ type: 'Pods', value, periodSeconds: 60 }],
    ...more,
  });
  const run = (input: Partial<LimitInput>) => {
    const { replicas, able, limited } = limit({
      autoscaler: rules(pods(2), pods(1)),
      current: 10,
      desired: 10,
      min: 1,
      memory: none,
      nowMs: 1e6,
      tuning: DEFAULT_TUNING,
      ...input,
    });
    return [replicas, able[0], limited[1]];
  };
  assert.deepEqual(run({ desired: 20 }), [12, 'ReadyForNewScale', 'ScaleUpLimit']);
  assert.deepEqual(run({ desired: 20, memory: { ...none, ups: [{ change: 1, atMs: 1e6 - 1000 }] } }), [
    11,
    'ReadyForNewScale',
    'ScaleUpLimit',
  ]);
  assert.deepEqual(run({ desired: 5 }), [9, 'ReadyForNewScale', 'ScaleDownLimit']);
  assert.deepEqual(run({ desired: 5, autoscaler: rules(pods(2), pods(1, { selectPolicy: 'Disabled' })) }), [
    10,
    'ReadyForNewScale',
    'ScaleDownLimit',
  ]);
  assert.deepEqual(run({ desired: 11 }), [11, 'ReadyForNewScale', 'DesiredWithinRange']);
  const steady = { ...none, recommendations: [{ replicas: 10, atMs: 1e6 - 1000 }] };
  assert.deepEqual(
    run({ desired: 12, memory: steady, autoscaler: rules(pods(2, { stabilizationWindowSeconds: 60 }), pods(1)) }),
    [10, 'ScaleUpStabilized', 'DesiredWithinRange'],
  );
  const plain = autoscalerOf({ maxReplicas: 100 });
  assert.deepEqual(run({ desired: 50, autoscaler: plain }), [20, 'ReadyForNewScale', 'ScaleUpLimit']);
});
