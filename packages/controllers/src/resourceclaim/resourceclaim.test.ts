/** Claims of Pods: made from templates, given back, deleted with who they were made for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { ResourceClaim } from '@kapella/api/types/resource-v1';
import { createHarness } from '../workload/harness.test-support.ts';
import { createResourceClaimController, FINALIZER, planClaim } from './resourceclaim.controller.ts';

const template = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaimTemplate',
  metadata: { name: 't', namespace: 'default' },
  spec: {
    metadata: { labels: { a: 'b' } },
    spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } },
  },
};
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default' },
  spec: { containers: [], resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 't' }] },
};

test('makes a claim from the template, and writes its name on the Pod', async () => {
  const t = createHarness();
  t.api.seed(template, pod);
  await t.start(createResourceClaimController(t.deps));
  const [claim, ...others] = t.api.objects(resourceV1.ResourceClaim);
  assert.equal(others.length, 0);
  assert.match(claim?.metadata.name ?? '', /^p-gpu-/);
  assert.deepEqual(claim?.metadata.labels, { a: 'b' });
  assert.equal(claim?.metadata.ownerReferences?.[0]?.name, 'p');
  assert.deepEqual(claim?.spec, template.spec.spec);
  assert.deepEqual(t.podOf('p').status?.resourceClaimStatuses, [
    { name: 'gpu', resourceClaimName: claim?.metadata.name },
  ]);
  await t.stop();
});

test('a Pod waits for its template, and is told so', async () => {
  const t = createHarness();
  t.api.seed(pod);
  await t.start(createResourceClaimController(t.deps));
  assert.equal(t.told[0]?.reason, 'FailedResourceClaimCreation');
  assert.match(t.told[0]?.message ?? '', /resource claim template "t".*not found/);
  await t.client.create(resourceV1.ResourceClaimTemplate, template as never, t.ctx);
  await t.clock.settle();
  assert.equal(t.api.objects(resourceV1.ResourceClaim).length, 1);
  await t.stop();
});

test('a claim of a Pod that has ended gives its devices back and is deleted', async () => {
  const t = createHarness();
  t.api.seed(template, pod);
  await t.start(createResourceClaimController(t.deps));
  await t.finish('p', 'Succeeded');
  assert.deepEqual(t.api.objects(resourceV1.ResourceClaim), []);
  await t.stop();
});

const uses = (name: string) => ({ resource: 'pods', name, uid: name });
function claim(reservedFor: readonly object[], metadata: object = {}): ResourceClaim {
  const allocation = { devices: { results: [] } };
  return {
    metadata: { name: 'c', namespace: 'default', finalizers: [FINALIZER], ...metadata },
    status: { allocation, reservedFor },
  } as unknown as ResourceClaim;
}
const running = (name: string) => ({ metadata: { name, uid: name }, status: { phase: 'Running' } }) as unknown as Pod;

test('who is gone no longer holds it; the last one gives the devices back', () => {
  const podOf = (name: string) => (name === 'a' ? running('a') : undefined);
  const one = planClaim(claim([uses('a'), uses('b')]), podOf);
  assert.deepEqual(one.status?.reservedFor, [uses('a')]);
  assert.ok(one.status?.allocation !== undefined && !one.dropsFinalizer);
  const none = planClaim(claim([uses('b')]), podOf);
  assert.deepEqual(none, { status: { reservedFor: [] }, dropsFinalizer: true, deletes: false });
  assert.deepEqual(planClaim(claim([uses('a')]), podOf), { dropsFinalizer: false, deletes: false });
});

test('one that nobody uses keeps its devices until it is deleted', () => {
  assert.deepEqual(
    planClaim(claim([]), () => undefined),
    { dropsFinalizer: false, deletes: false },
  );
  const deleted = planClaim(claim([], { deletionTimestamp: '2026-01-01T00:00:00Z' }), () => undefined);
  assert.equal(deleted.dropsFinalizer, true);
  assert.equal(deleted.status?.allocation, undefined);
});
