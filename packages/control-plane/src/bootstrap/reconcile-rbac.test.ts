/** Bootstrap roles at a later start: what was taken away comes back, what was added stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnknownObject } from '@kapella/api';
import type { Manifest } from './objects.ts';
import { planRbac } from './reconcile-rbac.ts';

const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
const role = (rules: object[], metadata: object = {}, more: object = {}) =>
  ({ metadata: { name: 'r', ...metadata }, rules, ...more }) as unknown as Manifest & UnknownObject;
const pods = (...verbs: string[]) => ({ apiGroups: [''], resources: ['pods'], verbs });

test('missing rules are added one by one; covered ones are not missing, whatever their shape', () => {
  const wanted = role([pods('get', 'list', 'watch')]);
  assert.deepEqual(planRbac(role([pods('watch', 'get', 'list', 'delete')]), wanted), { operation: 'none' });
  assert.deepEqual(planRbac(role([{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]), wanted), {
    operation: 'none',
  });
  const plan = planRbac(role([pods('get', 'patch')]), wanted);
  assert.ok(plan.operation === 'update');
  assert.deepEqual(plan.object['rules'], [pods('get', 'patch'), pods('list'), pods('watch')]);
});

test('labels, annotations and selectors come back; values that users wrote stay', () => {
  const wanted = role(
    [],
    { labels: { a: '1', b: '2' }, annotations: { [AUTO_UPDATE]: 'true' } },
    { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { x: 'y' } }] } },
  );
  const mine = { clusterRoleSelectors: [{ matchLabels: { mine: 'z' } }] };
  const plan = planRbac(role([], { labels: { a: 'mine' } }, { aggregationRule: mine }), wanted);
  assert.ok(plan.operation === 'update');
  assert.deepEqual(plan.object.metadata.labels, { a: 'mine', b: '2' });
  assert.deepEqual(plan.object.metadata.annotations, { [AUTO_UPDATE]: 'true' });
  assert.deepEqual(plan.object['aggregationRule'], {
    clusterRoleSelectors: [...mine.clusterRoleSelectors, { matchLabels: { x: 'y' } }],
  });
});

test('what says that it is not to be updated is left alone', () => {
  const kept = role([], { annotations: { [AUTO_UPDATE]: 'false' } });
  assert.deepEqual(planRbac(kept, role([pods('get')])), { operation: 'none' });
});

const binding = (subjects: object[] | undefined, name = 'r') =>
  ({
    ...{ metadata: { name: 'b' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name } },
    ...(subjects === undefined ? {} : { subjects }),
  }) as unknown as Manifest & UnknownObject;

test('missing subjects are added; a binding to another role is made anew', () => {
  const group = { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'g' };
  const account = { kind: 'ServiceAccount', name: 's', namespace: 'n' };
  const plan = planRbac(binding([group]), binding([account, { kind: 'Group', name: 'g' }]));
  assert.ok(plan.operation === 'update');
  assert.deepEqual(plan.object['subjects'], [group, account]);
  assert.ok(planRbac(binding(undefined), binding([account])).operation === 'update');
  assert.deepEqual(planRbac(binding([account], 'other'), binding([account])), { operation: 'recreate' });
  assert.deepEqual(planRbac(binding([{ ...account, apiGroup: '' }]), binding([account])), { operation: 'none' });
});
