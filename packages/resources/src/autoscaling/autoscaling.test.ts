/** Autoscalers: the two versions and upstream's wording. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HorizontalPodAutoscaler as V1 } from '@kapella/api/types/autoscaling-v1';
import type { HorizontalPodAutoscaler as V2 } from '@kapella/api/types/autoscaling-v2';
import { cells, created, createErrors, given, updateErrors } from '../testing/harness.ts';
import {
  autoscalerV1Resource,
  autoscalerV2Resource,
} from './horizontalpodautoscaler/horizontalpodautoscaler.resource.ts';

const scaleTargetRef = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' };
const cpu = (percent = 50) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
});
const v2 = (spec: object = {}) => given<V2>({ spec: { scaleTargetRef, maxReplicas: 5, ...spec } });

test('v1 and v2 are one object', () => {
  const old = given<V1>({
    spec: { scaleTargetRef, minReplicas: 2, maxReplicas: 5, targetCPUUtilizationPercentage: 70 },
  });
  const stored = autoscalerV1Resource.storedAs?.toStorage(old) as unknown as V2;
  assert.deepEqual(stored.spec, { scaleTargetRef, minReplicas: 2, maxReplicas: 5, metrics: [cpu(70)] });
  const back = autoscalerV1Resource.storedAs?.fromStorage(stored as never) as V1;
  assert.deepEqual(back.spec, old.spec);
});

test('what v1 cannot say is kept in annotations', () => {
  const pods = {
    type: 'Pods',
    pods: { metric: { name: 'hits' }, target: { type: 'AverageValue', averageValue: '10' } },
  };
  const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } };
  const newer = v2({ metrics: [cpu(), pods], behavior, minReplicas: 1 });
  const old = autoscalerV1Resource.storedAs?.fromStorage(newer as never) as V1;
  assert.equal(old.spec.targetCPUUtilizationPercentage, 50);
  const again = autoscalerV1Resource.storedAs?.toStorage(old) as unknown as V2;
  assert.deepEqual(new Set(again.spec.metrics), new Set(newer.spec.metrics));
  assert.deepEqual(again.spec.behavior, newer.spec.behavior);
  assert.deepEqual(again.metadata.annotations ?? {}, {});
});

test('an autoscaler without metrics watches the processor', () => {
  const { spec } = created(autoscalerV2Resource, v2());
  assert.equal(spec.minReplicas, 1);
  assert.deepEqual(spec.metrics, [cpu(80)]);
  assert.equal(cells(autoscalerV2Resource, created(autoscalerV2Resource, v2()))[2], 'cpu: <unknown>/80%');
});

test('errors of autoscalers', () => {
  const errors = (spec: object) => createErrors(autoscalerV2Resource, v2(spec));
  assert.deepEqual(errors({}), []);
  assert.deepEqual(errors({ minReplicas: 6 }), [
    'spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`',
  ]);
  assert.deepEqual(errors({ maxReplicas: 0, minReplicas: 0 }), [
    'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
    'spec.maxReplicas: Required value: must be set and greater than 0',
    'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
  ]);
  assert.deepEqual(errors({ scaleTargetRef: { kind: 'Deployment', name: 'web' } }), [
    'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
  ]);
  assert.deepEqual(errors({ scaleTargetRef: { kind: 'ReplicationController', name: 'web' } }), []);
  const metric = { name: 'hits' };
  const described = { kind: 'Service', name: 'web' };
  assert.deepEqual(
    errors({
      metrics: [{ type: 'Object', object: { describedObject: described, metric, target: { type: 'Value' } } }],
    }),
    ['spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue'],
  );
  const both = { type: 'Value', value: '1', averageValue: '2' };
  assert.deepEqual(errors({ metrics: [{ type: 'External', external: { metric, target: both } }] }), [
    'spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target',
  ]);
  assert.deepEqual(errors({ metrics: [{ type: 'Pods' }] }), [
    'spec.metrics[0].pods: Required value: must populate information for the given metric source',
  ]);
});

test('a target that was stored wrong may stay', () => {
  const wrong = v2({ scaleTargetRef: { kind: 'Deployment', name: 'web' } });
  assert.deepEqual(
    updateErrors(autoscalerV2Resource, { ...wrong, spec: { ...wrong.spec, maxReplicas: 9 } }, wrong),
    [],
  );
});
