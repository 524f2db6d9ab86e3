/** Workloads: defaults and upstream's wording. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet, Deployment, StatefulSet } from '@kapella/api/types/apps-v1';
import { cells, created, createErrors, given, updateErrors } from '../testing/harness.ts';
import { daemonSetResource } from './daemonset/daemonset.resource.ts';
import { deploymentResource } from './deployment/deployment.resource.ts';
import { statefulSetResource } from './statefulset/statefulset.resource.ts';

const template = (part: object = {}) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image: 'nginx:1' }], ...part },
});
const workload = <T extends Deployment | StatefulSet | DaemonSet>(spec: object = {}, part: object = {}) =>
  given<T>({ spec: { selector: { matchLabels: { app: 'web' } }, template: template(), ...spec }, ...part } as never);

test('defaults of a Deployment', () => {
  const { template: pods, selector: _selector, ...rest } = created(deploymentResource, workload<Deployment>()).spec;
  assert.deepEqual(rest, {
    replicas: 1,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  });
  assert.equal(pods.spec.restartPolicy, 'Always');
  assert.deepEqual(createErrors(deploymentResource, workload<Deployment>()), []);
});

test('the row of a Deployment', () => {
  const status = { replicas: 3, readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 };
  const row = cells(deploymentResource, workload<Deployment>({ replicas: 4 }, { status }));
  assert.deepEqual(row, ['web', '2/4', 3, 1, '24h', 'c', 'nginx:1', 'app=web']);
});

test('a selector matches its template and stays', () => {
  const labels = { metadata: { labels: { app: 'api' } }, spec: template().spec };
  assert.deepEqual(createErrors(deploymentResource, workload<Deployment>({ template: labels })), [
    'spec.template.metadata.labels: Invalid value: {"app":"api"}: `selector` does not match template `labels`',
  ]);
  assert.deepEqual(createErrors(deploymentResource, workload<Deployment>({ selector: undefined })), [
    'spec.selector: Required value',
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
  ]);
  const odd = { selector: { matchLabels: { app: 'not good!' } } };
  const [label = '', whole] = createErrors(deploymentResource, workload<Deployment>(odd));
  assert.match(label, /^spec\.selector\.matchLabels: Invalid value: "not good!": a valid label must be/);
  assert.equal(whole, 'spec.selector: Invalid value: {"matchLabels":{"app":"not good!"}}: invalid label selector');
  const moved = workload<Deployment>({ selector: { matchLabels: { app: 'api' } }, template: labels });
  assert.deepEqual(updateErrors(deploymentResource, moved, workload<Deployment>()), [
    'spec.selector: Invalid value: {"matchLabels":{"app":"api"}}: field is immutable',
  ]);
});

test('strategies and restart policies of workloads', () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } };
  const spec = { strategy, template: template({ restartPolicy: 'Never' }) };
  assert.deepEqual([...createErrors(deploymentResource, workload<Deployment>(spec))].sort(), [
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ]);
  const both = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } } };
  assert.deepEqual(createErrors(daemonSetResource, workload<DaemonSet>(both)), [
    'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
  ]);
});

test('a StatefulSet may change few fields', () => {
  const set = (part: object = {}) => workload<StatefulSet>({ serviceName: 'web', ...part });
  assert.deepEqual(createErrors(statefulSetResource, set()), []);
  assert.deepEqual(updateErrors(statefulSetResource, set({ replicas: 3, minReadySeconds: 5 }), set()), []);
  assert.deepEqual(updateErrors(statefulSetResource, set({ serviceName: 'other' }), set()), [
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', " +
      "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are " +
      'forbidden',
  ]);
  const claims = { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: [], resources: {} } }] };
  assert.deepEqual(createErrors(statefulSetResource, set(claims)), [
    'spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required',
    'spec.volumeClaimTemplates[0].spec.resources[storage]: Required value',
  ]);
});

test('maxUnavailable of a StatefulSet is dropped, unless the set has it from before', () => {
  const rolling = (part: object) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: part } });
  const set = (part: object = {}) => workload<StatefulSet>({ serviceName: 'web', ...rolling(part) });
  const strategyOf = (one: StatefulSet) => one.spec.updateStrategy?.rollingUpdate;
  assert.deepEqual(strategyOf(created(statefulSetResource, set({ maxUnavailable: 2 }))), { partition: 0 });
  assert.deepEqual(createErrors(statefulSetResource, set({ maxUnavailable: 0 })), []);
  const updated = (next: object, old: object) => {
    const context = { user: { username: 'a', groups: [] }, namespace: 'default', nowMs: 0, dryRun: false };
    const given = { ...context, operation: 'update', subresource: '' } as const;
    return strategyOf(statefulSetResource.prepareForUpdate?.(set(next), set(old), given) ?? set(next));
  };
  assert.deepEqual(updated({ maxUnavailable: 3 }, {}), {});
  assert.deepEqual(updated({ maxUnavailable: 3 }, { maxUnavailable: 2 }), { maxUnavailable: 3 });
});
