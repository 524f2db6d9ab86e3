/** Authentication, impersonation, RBAC, node authorization and escalation through handle(). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnknownObject } from '@kapella/api';
import { defineResource, type UserInfo } from '../resource.ts';
import { answerOf, configMapDefinition, namespaceDefinition, requestOf, startTestServer } from '../test-support.ts';
import { createAuthorizerChain } from './authorize.ts';
import { createNodeAuthorizer } from './node-authorizer/node-authorizer.ts';
import { createRbacEscalationPlugin } from './rbac/escalation.plugin.ts';
import { createRbacAuthorizer } from './rbac/rbac-authorizer.ts';

const GROUP = 'rbac.authorization.k8s.io';
const RBAC = `/apis/${GROUP}/v1`;

const rbacKind = (kind: string, plural: string, scope: 'cluster' | 'namespaced') =>
  defineResource<UnknownObject>({
    id: { group: GROUP, version: 'v1', kind, plural },
    scope,
    columns: [],
    keepDecoded: true,
    nameRule: 'path-segment',
  });

const plain = (kind: string, plural: string, scope: 'cluster' | 'namespaced' = 'namespaced') =>
  defineResource<UnknownObject>({ id: { group: '', version: 'v1', kind, plural }, scope, columns: [] });

const resources = [
  namespaceDefinition,
  configMapDefinition,
  plain('Secret', 'secrets'),
  plain('Service', 'services'),
  defineResource<UnknownObject>({
    id: { group: '', version: 'v1', kind: 'Pod', plural: 'pods' },
    scope: 'namespaced',
    columns: [],
    selectableFields: { 'spec.nodeName': (pod) => pod.spec?.nodeName ?? '' },
  }),
  rbacKind('ClusterRole', 'clusterroles', 'cluster'),
  rbacKind('ClusterRoleBinding', 'clusterrolebindings', 'cluster'),
  rbacKind('Role', 'roles', 'namespaced'),
  rbacKind('RoleBinding', 'rolebindings', 'namespaced'),
];

async function start() {
  const rbac = createRbacAuthorizer();
  const nodes = createNodeAuthorizer();
  const authorizer = createAuthorizerChain([nodes, rbac]);
  const started = await startTestServer({ resources, authorizer }, [createRbacEscalationPlugin(rbac, authorizer)]);
  rbac.follow(started.server.registry);
  nodes.follow(started.server.registry);
  const as = async (
    user: UserInfo | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => answerOf(await started.server.handle(requestOf(method, path, body, headers, user), started.ctx));
  return { ...started, as };
}

const alice: UserInfo = { username: 'alice', groups: ['devs'] };
const PODS = '/api/v1/namespaces/default/pods';

const role = (name: string, rules: object[], more: object = {}) => ({ metadata: { name, ...more }, rules });
const binding = (name: string, roleKind: string, roleName: string, subjects: object[]) => ({
  metadata: { name },
  roleRef: { apiGroup: GROUP, kind: roleKind, name: roleName },
  subjects,
});
const group = (name: string) => ({ kind: 'Group', apiGroup: GROUP, name });
const readPods = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };

test('nothing is allowed until a binding says so, and the refusal is worded as upstream words it', async () => {
  const { request, as } = await start();
  const refused = await as(alice, 'GET', PODS);
  assert.equal(refused.status, 403);
  assert.equal(
    refused.json.message,
    'pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  assert.deepEqual(refused.json.details, { kind: 'pods' });
  const nonResource = await as(alice, 'GET', '/metrics');
  assert.equal(nonResource.json.message, 'forbidden: User "alice" cannot get path "/metrics"');
  await request('POST', `${RBAC}/clusterroles`, role('readers', [readPods]));
  await request(
    'POST',
    `${RBAC}/namespaces/default/rolebindings`,
    binding('b', 'ClusterRole', 'readers', [group('devs')]),
  );
  assert.equal((await as(alice, 'GET', PODS)).status, 200);
  assert.equal((await as(alice, 'GET', '/api/v1/pods')).status, 403);
  assert.equal((await as(alice, 'GET', '/api/v1/namespaces/other/pods')).status, 403);
  await request('DELETE', `${RBAC}/namespaces/default/rolebindings/b`);
  assert.equal((await as(alice, 'GET', PODS)).status, 403);
});

test('aggregated roles hold the rules of those they select, at once', async () => {
  const { request, as } = await start();
  await request('POST', `${RBAC}/clusterroles`, {
    metadata: { name: 'view' },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { agg: 'view' } }] },
  });
  await request(
    'POST',
    `${RBAC}/clusterrolebindings`,
    binding('b', 'ClusterRole', 'view', [{ kind: 'User', apiGroup: GROUP, name: 'alice' }]),
  );
  assert.equal((await as(alice, 'GET', PODS)).status, 403);
  await request('POST', `${RBAC}/clusterroles`, role('part', [readPods], { labels: { agg: 'view' } }));
  assert.equal((await as(alice, 'GET', PODS)).status, 200);
});

test('nobody grants what he does not hold', async () => {
  const { request, as } = await start();
  await request(
    'POST',
    `${RBAC}/clusterroles`,
    role('rbac-writer', [{ verbs: ['create'], apiGroups: [GROUP], resources: ['roles', 'rolebindings'] }, readPods]),
  );
  await request(
    'POST',
    `${RBAC}/clusterroles`,
    role('all-secrets', [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }]),
  );
  await request('POST', `${RBAC}/clusterrolebindings`, binding('w', 'ClusterRole', 'rbac-writer', [group('devs')]));
  const roles = `${RBAC}/namespaces/default/roles`;
  assert.equal((await as(alice, 'POST', roles, role('ok', [readPods]))).status, 201);
  const more = await as(alice, 'POST', roles, role('more', [{ ...readPods, verbs: ['get', 'delete'] }]));
  assert.equal(more.status, 403);
  assert.equal(
    more.json.message,
    'roles.rbac.authorization.k8s.io "more" is forbidden: user "alice" (groups=["devs" "system:authenticated"]) is attempting to ' +
      'grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
  );
  const bound = await as(
    alice,
    'POST',
    `${RBAC}/namespaces/default/rolebindings`,
    binding('x', 'ClusterRole', 'all-secrets', [group('devs')]),
  );
  assert.equal(bound.status, 403);
});

test("impersonation needs the right to it and brings the other's rights", async () => {
  const { request, as } = await start();
  await request('POST', `${RBAC}/clusterroles`, role('readers', [readPods]));
  await request('POST', `${RBAC}/clusterrolebindings`, binding('b', 'ClusterRole', 'readers', [group('devs')]));
  const bob: UserInfo = { username: 'bob', groups: [] };
  const headers = { 'impersonate-user': 'carol', 'impersonate-group': 'devs' };
  const refused = await as(bob, 'GET', PODS, undefined, headers);
  assert.equal(refused.status, 403);
  assert.match(
    refused.json.message,
    /^pods is forbidden: User "bob" cannot impersonate-on:user-info:list resource "pods" in API group ""/,
  );
  await request(
    'POST',
    `${RBAC}/clusterroles`,
    role('imp', [{ verbs: ['impersonate'], apiGroups: [''], resources: ['users', 'groups'] }]),
  );
  await request(
    'POST',
    `${RBAC}/clusterrolebindings`,
    binding('i', 'ClusterRole', 'imp', [{ kind: 'User', apiGroup: GROUP, name: 'bob' }]),
  );
  assert.equal((await as(bob, 'GET', PODS, undefined, headers)).status, 200);
  assert.equal((await as(bob, 'GET', PODS, undefined, { 'impersonate-group': 'devs' })).status, 400);
});

test('a node reads what its Pods need, and only its own Pods', async () => {
  const { request, as } = await start();
  const node: UserInfo = { username: 'system:node:n1', groups: ['system:nodes'] };
  for (const name of ['mine', 'other'])
    await request('POST', '/api/v1/namespaces/default/secrets', { metadata: { name } });
  const spec = {
    containers: [{ name: 'c', env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'mine', key: 'k' } } }] }],
  };
  await request('POST', PODS, { metadata: { name: 'p' }, spec: { ...spec, nodeName: 'n1' } });
  await request('POST', PODS, { metadata: { name: 'q' }, spec: { ...spec, nodeName: 'n2' } });
  const secrets = '/api/v1/namespaces/default/secrets';
  assert.equal((await as(node, 'GET', `${secrets}/mine`)).status, 200);
  const refused = await as(node, 'GET', `${secrets}/other`);
  assert.equal(refused.status, 403);
  assert.match(refused.json.message, /no relationship found between node 'n1' and this object$/);
  assert.equal((await as(node, 'GET', secrets)).status, 403);
  assert.equal((await as(node, 'GET', `${PODS}/p`)).status, 200);
  assert.equal((await as(node, 'GET', `${PODS}/q`)).status, 403);
  assert.equal((await as(node, 'GET', '/api/v1/pods')).status, 403);
  const own = await as(node, 'GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dn1');
  assert.deepEqual(
    own.json.items.map((pod: UnknownObject) => pod.metadata.name),
    ['p'],
  );
  assert.equal((await as(node, 'GET', '/api/v1/services')).status, 200);
  await request('DELETE', `${PODS}/p`);
  assert.equal((await as(node, 'GET', `${secrets}/mine`)).status, 403);
});

test('bearer tokens name their user; a wrong one is refused even where anonymous may come', async () => {
  const { as } = await start();
  assert.equal((await as(undefined, 'GET', PODS, undefined, { authorization: 'Bearer secret' })).status, 200);
  const wrong = await as(undefined, 'GET', PODS, undefined, { authorization: 'Bearer nonsense' });
  assert.equal(wrong.status, 401);
  assert.equal(wrong.json.reason, 'Unauthorized');
  const nobody = await as(undefined, 'GET', PODS);
  assert.equal(nobody.status, 403);
  assert.match(nobody.json.message, /User "system:anonymous"/);
});
