/** What a node may do with what its Pods and volumes need, through handle(). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnknownObject } from '@kapella/api';
import { defineResource, type UserInfo } from '../../resource.ts';
import { answerOf, namespaceDefinition, requestOf, startTestServer } from '../../test-support.ts';
import { createAuthorizerChain } from '../authorize.ts';
import { createNodeAuthorizer } from './node-authorizer.ts';

const kind = (group: string, name: string, plural: string, scope: 'cluster' | 'namespaced') =>
  defineResource<UnknownObject>({ id: { group, version: 'v1', kind: name, plural }, scope, columns: [] });
const node: UserInfo = { username: 'system:node:n1', groups: ['system:nodes'] };

async function start() {
  const nodes = createNodeAuthorizer();
  const pods = defineResource<UnknownObject>({
    ...{ id: { group: '', version: 'v1', kind: 'Pod', plural: 'pods' }, scope: 'namespaced', columns: [] },
    selectableFields: { 'spec.nodeName': (pod) => pod['spec']?.nodeName ?? '' },
  });
  const resources = [
    ...[namespaceDefinition, pods, kind('', 'Secret', 'secrets', 'namespaced')],
    ...[kind('', 'PersistentVolume', 'persistentvolumes', 'cluster')],
    ...[kind('', 'PersistentVolumeClaim', 'persistentvolumeclaims', 'namespaced')],
    ...[kind('storage.k8s.io', 'VolumeAttachment', 'volumeattachments', 'cluster')],
    defineResource<UnknownObject>({
      id: { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceSlice', plural: 'resourceslices' },
      ...{ scope: 'cluster', columns: [] },
      selectableFields: { 'spec.nodeName': (slice) => slice['spec']?.nodeName ?? '' },
    }),
  ];
  const started = await startTestServer({ resources, authorizer: createAuthorizerChain([nodes]) });
  nodes.follow(started.server.registry);
  const as = async (user: UserInfo, method: string, path: string, body?: unknown) =>
    answerOf(await started.server.handle(requestOf(method, path, body, {}, user), started.ctx));
  return { ...started, as, nodes };
}

test('secrets of a volume are for the node whose Pod has a claim that is bound to it', async () => {
  const { request, as } = await start();
  const ns = '/api/v1/namespaces/default';
  const csi = {
    ...{ driver: 'd', nodePublishSecretRef: { name: 'publish', namespace: 'default' } },
    ...{ nodeStageSecretRef: { name: 'far', namespace: 'infra' } },
    controllerPublishSecretRef: { name: 'controller', namespace: 'default' },
  };
  await request('POST', '/api/v1/persistentvolumes', {
    metadata: { name: 'pv' },
    spec: { csi, claimRef: { namespace: 'default', name: 'data' } },
  });
  await request('POST', `${ns}/persistentvolumeclaims`, { metadata: { name: 'data' }, spec: { volumeName: 'pv' } });
  for (const name of ['publish', 'controller', 'other']) await request('POST', `${ns}/secrets`, { metadata: { name } });
  await request('POST', '/api/v1/namespaces/infra/secrets', { metadata: { name: 'far' } });
  const get = async (secret: string) => (await as(node, 'GET', `/api/v1/namespaces/${secret}`)).status;
  assert.equal(await get('default/secrets/publish'), 403);
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }];
  await request('POST', `${ns}/pods`, { metadata: { name: 'p' }, spec: { nodeName: 'n1', volumes } });
  assert.equal(await get('default/secrets/publish'), 200);
  assert.equal(await get('infra/secrets/far'), 200);
  assert.equal(await get('default/secrets/controller'), 403);
  assert.equal(await get('default/secrets/other'), 403);
  assert.equal((await as(node, 'DELETE', `${ns}/secrets/publish`)).status, 403);
  assert.equal((await as(node, 'GET', '/api/v1/persistentvolumes/pv')).status, 200);
  await request('DELETE', `${ns}/pods/p`);
  assert.equal(await get('default/secrets/publish'), 403);
});

test('attachments and slices are for their node', async () => {
  const { request, as } = await start();
  const attachments = '/apis/storage.k8s.io/v1/volumeattachments';
  const slices = '/apis/resource.k8s.io/v1/resourceslices';
  for (const name of ['n1', 'n2']) {
    await request('POST', attachments, { metadata: { name }, spec: { nodeName: name } });
    await request('POST', slices, { metadata: { name }, spec: { nodeName: name } });
  }
  assert.equal((await as(node, 'GET', `${attachments}/n1`)).status, 200);
  const refused = await as(node, 'GET', `${attachments}/n2`);
  assert.match(refused.json.message, /no relationship found between node 'n1' and this object$/);
  assert.equal((await as(node, 'GET', attachments)).status, 403);
  assert.equal((await as(node, 'GET', `${slices}/n1`)).status, 200);
  assert.equal((await as(node, 'GET', `${slices}/n2`)).status, 403);
  const body = {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceSlice',
    metadata: { name: 'n1' },
    spec: { nodeName: 'n1' },
  };
  assert.equal((await as(node, 'PUT', `${slices}/n1`, body)).status, 200);
  assert.equal((await as(node, 'DELETE', `${slices}/n2`)).status, 403);
  const list = await as(node, 'GET', slices);
  assert.match(
    list.json.message,
    /can only list\/watch\/deletecollection resourceslices with nodeName field selector$/,
  );
  const own = await as(node, 'GET', `${slices}?fieldSelector=spec.nodeName%3Dn1`);
  assert.equal(own.json.items.length, 1);
  assert.equal((await as(node, 'GET', `${slices}?fieldSelector=spec.nodeName%21%3Dn2`)).status, 403);
});

test('a node without a name may do nothing; its rules cannot be listed', async () => {
  const { as, nodes } = await start();
  const nameless = { username: 'system:node:', groups: ['system:nodes'] };
  assert.match((await as(nameless, 'GET', '/api/v1/nodes')).json.message, /unknown node for user "system:node:"$/);
  assert.equal(nodes.rulesFor?.(node, 'x').error, 'node authorizer does not support user rule resolution');
});
