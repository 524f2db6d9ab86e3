/** What clients are told of the server and of custom resources, in upstream's order. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApi, type TestApi } from './testing/node/test-api.ts';

const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
const GROUP = 'mygroup.example.com';
const names = { plural: 'noxus', singular: 'noxu', kind: 'Noxu', listKind: 'NoxuList' };
const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };
const version = { name: 'v1', served: true, storage: true, schema, subresources: { status: {}, scale } };

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.close());

const ask = (path: string) => api.request(admin, 'GET', path);

test('of a custom resource: itself, its status, its scale, with the verbs as upstream lists them', async () => {
  const made = await api.request(admin, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
    ...{
      metadata: { name: `noxus.${GROUP}` },
      spec: { group: GROUP, scope: 'Namespaced', names, versions: [version] },
    },
  });
  assert.equal(made.status, 201, made.text);
  let answer = await ask(`/apis/${GROUP}/v1`);
  while (answer.status !== 200) {
    await new Promise((resolve) => setImmediate(resolve));
    answer = await ask(`/apis/${GROUP}/v1`);
  }
  const rows: readonly { readonly name: string; readonly verbs: readonly string[] }[] = JSON.parse(
    answer.text,
  ).resources;
  assert.deepEqual(
    rows.map(({ name, verbs }) => `${name}: ${verbs.join()}`),
    [
      'noxus: delete,deletecollection,get,list,patch,create,update,watch',
      'noxus/status: get,patch,update',
      'noxus/scale: get,patch,update',
    ],
  );
});

test('built-in resources are sorted by path', async () => {
  const rows: readonly { readonly name: string }[] = JSON.parse((await ask('/apis/apps/v1')).text).resources;
  const all = rows.map(({ name }) => name);
  assert.deepEqual(all, all.toSorted());
  assert.ok(all.indexOf('deployments/scale') < all.indexOf('deployments/status'));
});

test('the version says which one is emulated, and which the oldest is that it works beside', async () => {
  const { emulationMajor, emulationMinor, minCompatibilityMajor, minCompatibilityMinor } = JSON.parse(
    (await ask('/version')).text,
  );
  assert.deepEqual(
    [emulationMajor, emulationMinor, minCompatibilityMajor, minCompatibilityMinor],
    ['1', '36', '1', '35'],
  );
});

test('clients of OpenID may keep what they read for an hour', async () => {
  for (const path of ['/.well-known/openid-configuration', '/openid/v1/jwks']) {
    assert.equal((await ask(path)).headers['cache-control'], 'public, max-age=3600', path);
  }
});
