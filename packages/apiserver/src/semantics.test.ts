/** What test/upstream/differential found to differ from kube-apiserver 1.36: status, reason and words of answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  collect,
  configMapDefinition,
  deploymentDefinition,
  startTestServer,
  type TestServer,
} from './test-support.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const map = (name: string, metadata: object = {}, data: object = {}) => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name, ...metadata },
  data,
});

interface Told {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly says: string | RegExp;
}

async function check(server: TestServer, told: readonly Told[]): Promise<void> {
  for (const { method, path, body, headers, code, says } of told) {
    const { status, json } = await server.request(method, path, body, headers);
    const what = `${method} ${path} ${JSON.stringify(body)}: ${json?.message}`;
    assert.equal(status, code, what);
    if (typeof says === 'string') assert.equal(json.message, says, what);
    else assert.match(json.message, says, what);
  }
}

test('bodies that do not say what they are', async () => {
  const server = await startTestServer();
  const unrecognized = 'the object provided is unrecognized (must be of type ConfigMap): ';
  const json = `${unrecognized}couldn't get version/kind; json parse error: `;
  const post = { method: 'POST', path: MAPS, code: 400 };
  await check(server, [
    { ...post, body: '{', says: `${json}unexpected end of JSON input ({)` },
    { ...post, body: '', says: `${json}unexpected end of JSON input (<empty>)` },
    { ...post, body: '[]', says: /json: cannot unmarshal array into Go value of type struct .* \(5b5d\)$/ },
    {
      ...post,
      body: { kind: 5 },
      says: `${json}json: cannot unmarshal number into Go struct field .kind of type string ({"kind":5})`,
    },
    { ...post, body: { ...map('a'), apiVersion: 'a/b/c' }, says: /unexpected GroupVersion string: a\/b\/c/ },
    {
      ...post,
      body: { ...map('a'), kind: 'Secret' },
      says: 'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
    },
    {
      ...post,
      body: { ...map('a'), apiVersion: 'v2' },
      says: /^ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2"/,
    },
    {
      ...post,
      code: 422,
      body: 'null',
      says: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    },
    {
      ...post,
      code: 415,
      body: map('a'),
      headers: { 'content-type': 'application/json;bogus' },
      says: /unknown format/,
    },
  ]);
});

test('options that are wrong are told all at once', async () => {
  const server = await startTestServer();
  const post = { method: 'POST', body: map('a'), code: 422 };
  await check(server, [
    {
      ...post,
      path: `${MAPS}?fieldManager=${'m'.repeat(129)}&dryRun=x&fieldValidation=y`,
      says:
        'CreateOptions.meta.k8s.io "" is invalid: [fieldManager: Too long: may not be more than 128 bytes, ' +
        'dryRun: Unsupported value: ["x"]: supported values: "All", ' +
        'fieldValidation: Unsupported value: "y": supported values: "", "Ignore", "Strict", "Warn"]',
    },
    { ...post, path: `${MAPS}?dryRun=`, says: /dryRun: Unsupported value: \[""\]/ },
    {
      method: 'DELETE',
      path: `${MAPS}/a?propagationPolicy=x`,
      code: 422,
      says: /supported values: "Foreground", "Background", "Orphan", "nil"$/,
    },
    { method: 'GET', path: `${MAPS}/a?resourceVersion=x`, code: 500, says: /^resourceVersion: Invalid value: "x"/ },
    { method: 'GET', path: `${MAPS}?resourceVersion=x`, code: 400, says: /^invalid resource version: / },
    { method: 'GET', path: `${MAPS}/a?export=true`, code: 400, says: /no longer supported$/ },
    {
      method: 'GET',
      path: `${MAPS}?watch=true&continue=x`,
      code: 422,
      says: /resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided$/,
    },
    {
      method: 'GET',
      path: `${MAPS}?watch=true&sendInitialEvents=true`,
      code: 422,
      says: /resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan$/,
    },
  ]);
  assert.equal((await server.request('GET', `${MAPS}?sendInitialEvents=true`)).json.details.name, undefined);
});

test('tokens and selectors that are none', async () => {
  const server = await startTestServer();
  const get = { method: 'GET', code: 400 };
  const token = (value: object) => btoa(JSON.stringify(value)).replaceAll('=', '');
  const head = 'invalid continue token: continue key is not valid: ';
  const v = 'meta.k8s.io/v1';
  await check(server, [
    { ...get, path: `${MAPS}?continue=bogus`, says: `${head}illegal base64 data at input byte 4` },
    {
      ...get,
      path: `${MAPS}?continue=bm90anNvbg`,
      says: `${head}invalid character 'o' in literal null (expecting 'u')`,
    },
    {
      ...get,
      path: `${MAPS}?continue=${token({ v, rv: 0, start: 'a' })}`,
      says: /incorrect encoded start resourceVersion/,
    },
    { ...get, path: `${MAPS}?continue=${token({ v, rv: 5, start: '../b' })}`, says: `${head}../b` },
    {
      ...get,
      path: `${MAPS}?fieldSelector=data.a=1`,
      says: '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
    },
    {
      ...get,
      path: '/apis/apps/v1/deployments?fieldSelector=spec.x=1',
      says: 'field label not supported: spec.x',
    },
  ]);
  await server.request('POST', MAPS, map('a'));
  const both = await server.request('GET', `${MAPS}?fieldSelector=metadata.name=a,metadata.name=b`);
  assert.deepEqual(both.json.items, []);
});

test('paths know their methods', async () => {
  const server = await startTestServer();
  const missing = 'the server could not find the requested resource';
  await check(server, [
    { method: 'POST', path: '/api/v1/configmaps', body: map('a'), code: 405, says: /does not allow this method/ },
    { method: 'GET', path: `${MAPS}/a/bogus`, code: 404, says: missing },
    { method: 'GET', path: '/api/v1/configmaps/a', code: 404, says: missing },
  ]);
});

test('what cannot be accepted', async () => {
  const server = await startTestServer();
  await server.request('POST', MAPS, map('a'));
  const partial = (as: string) => ({ accept: `application/json;as=${as};v=v1;g=meta.k8s.io` });
  const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  const get = { method: 'GET', code: 406 };
  await check(server, [
    {
      ...get,
      path: `${MAPS}/a`,
      headers: { accept: 'text/html' },
      says: `406: Not Acceptable\n\nAvailable representations: ${types}`,
    },
    { ...get, path: `${MAPS}/a`, headers: { accept: 'application/*' }, says: /^406: Not Acceptable/ },
    {
      ...get,
      path: MAPS,
      headers: { accept: 'text/html' },
      says: /application\/vnd.kubernetes.protobuf;stream=watch$/,
    },
    { ...get, path: `${MAPS}/a`, headers: partial('PartialObjectMetadataList'), says: /is not a list/ },
    { ...get, path: MAPS, headers: partial('PartialObjectMetadata'), says: /the requested object is a list/ },
    {
      method: 'PATCH',
      path: `${MAPS}/a`,
      body: {},
      headers: { 'content-type': 'text/plain' },
      code: 415,
      says: '415: Unsupported Media Type',
    },
  ]);
  const watch = await server.request('GET', `${MAPS}?watch=true`, undefined, { accept: 'application/yaml' });
  assert.equal(watch.status, 406);
  const table = { accept: 'application/json;as=Table;v=v1beta1;g=meta.k8s.io' };
  const { json } = await server.request('GET', `${MAPS}/a`, undefined, table);
  assert.equal(json.apiVersion, 'meta.k8s.io/v1beta1');
  assert.equal(json.rows[0].object.apiVersion, 'meta.k8s.io/v1beta1');
  const deleted = await server.request('DELETE', `${MAPS}/a`, undefined, table);
  assert.equal(deleted.json.status, 'Success');
});

test('a patch whose result does not fit its kind', async () => {
  const server = await startTestServer();
  await server.request('POST', MAPS, map('a', {}, { k: 'v' }));
  const patch = { method: 'PATCH', path: `${MAPS}/a`, code: 422 };
  const merge = { 'content-type': 'application/merge-patch+json' };
  const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
  await check(server, [
    {
      ...patch,
      headers: merge,
      body: { data: { n: 5 } },
      says: /^ "" is invalid: patch: Invalid value: .*cannot unmarshal number/,
    },
    { ...patch, headers: merge, body: { kind: 'Secret' }, says: /unknown conversion$/ },
    { ...patch, headers: strategic, body: { data: 'x' }, says: /Invalid value: "map\[data:x\]": / },
    {
      ...patch,
      headers: merge,
      path: `${MAPS}/a?fieldValidation=Strict`,
      body: { bogus: 1 },
      says: /strict decoding error: unknown field "bogus"$/,
    },
    {
      ...patch,
      headers: merge,
      path: `${MAPS}/a?fieldValidation=Strict`,
      body: '{"data":{"y":"1","y":"2"}}',
      says: /duplicate field "data.y"$/,
    },
    {
      ...patch,
      code: 400,
      headers: merge,
      body: { metadata: { namespace: 'x' } },
      says: /does not match the namespace sent on the request$/,
    },
  ]);
  const warned = await server.request('PATCH', `${MAPS}/a`, '{"data":{"y":"1","y":"2"}}', merge);
  assert.deepEqual(warned.headers.warning, ['299 - "duplicate field \\"data.y\\""']);
});

test('what apply refuses', async () => {
  const server = await startTestServer();
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  const apply = { method: 'PATCH', path: `${MAPS}/a?fieldManager=x`, headers };
  await check(server, [
    {
      ...apply,
      body: '[]',
      code: 400,
      says: /^error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array/,
    },
    {
      ...apply,
      body: { ...map('a'), bogus: 1 },
      code: 500,
      says: 'failed to create typed patch object (/a; /v1, Kind=ConfigMap): .bogus: field not declared in schema',
    },
    { ...apply, body: { ...map('a'), data: { n: 5 } }, code: 500, says: /\.data\.n: expected string, got/ },
    { ...apply, body: map('a', { uid: 'x' }), code: 409, says: /uid mismatch: the provided object specified uid x/ },
    { ...apply, path: `${MAPS}/a?fieldManager=`, body: map('a'), code: 422, says: /fieldManager: Required value/ },
  ]);
});

test('versions, identities and finalizers of updates', async () => {
  const server = await startTestServer();
  await server.request('POST', MAPS, map('a'));
  const put = { method: 'PUT', path: `${MAPS}/a` };
  await check(server, [
    {
      ...put,
      body: map('a', { resourceVersion: 'abc' }),
      code: 500,
      says: 'strconv.ParseUint: parsing "abc": invalid syntax',
    },
    {
      ...put,
      body: map('a', { uid: 'other' }),
      code: 409,
      says: /StorageError: invalid object, Code: 4, Key: \/registry\/configmaps\/default\/a/,
    },
    {
      ...put,
      body: map('a', { namespace: 'other' }),
      code: 400,
      says: /does not match the namespace sent on the request$/,
    },
    {
      ...put,
      body: map('a', { finalizers: ['bad'] }),
      code: 422,
      says: /metadata.finalizers\[0\]: Invalid value: "bad": name is neither/,
    },
  ]);
  assert.equal((await server.request('PUT', `${MAPS}/a`, map('a', { resourceVersion: '0' }))).status, 200);
});

test('what a client says of system fields on creation is dropped, a generation of a kind without one is kept', async () => {
  const server = await startTestServer();
  const given = { deletionTimestamp: '2020-01-01T00:00:00Z', deletionGracePeriodSeconds: 5, generation: 7, uid: 'x' };
  const { json } = await server.request('POST', MAPS, map('a', given));
  assert.equal(json.metadata.generation, 7);
  assert.equal(json.metadata.managedFields, undefined);
  const again = await server.request('POST', MAPS, map('a', { generateName: 'a-' }));
  assert.equal(again.status, 409);
  assert.match(again.json.message, /already exists, the server was not able to generate a unique name/);
});

test('a watch from any version that takes bookmarks is told when all that is there has come', async () => {
  const server = await startTestServer();
  await server.request('POST', MAPS, map('a'));
  const told = async (query: string) => {
    const stream = collect(await server.request('GET', `${MAPS}?watch=true&${query}`));
    await new Promise((resolve) => setImmediate(resolve));
    stream.stop();
    return stream.events().map(({ type, object }) => [type, object.metadata.annotations]);
  };
  const end = ['BOOKMARK', { 'k8s.io/initial-events-end': 'true' }];
  assert.deepEqual(await told('resourceVersion=0&allowWatchBookmarks=true'), [['ADDED', undefined], end]);
  assert.deepEqual(await told('resourceVersion=0'), [['ADDED', undefined]]);
});

test('what a delete refuses, and what it leaves', async () => {
  const jobs = { ...configMapDefinition, orphansByDefault: true } as typeof configMapDefinition;
  const server = await startTestServer({ resources: [jobs, deploymentDefinition] });
  await server.request('POST', MAPS, map('a'));
  const del = { method: 'DELETE', path: `${MAPS}/a` };
  const options = (fields: object) => ({ kind: 'DeleteOptions', apiVersion: 'v1', ...fields });
  await check(server, [
    {
      ...del,
      body: options({ preconditions: { uid: 'other' } }),
      code: 409,
      says: /^Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition/,
    },
    { ...del, body: { kind: 'ConfigMap', apiVersion: 'v1' }, code: 400, says: /^no kind "ConfigMap" is registered/ },
    { ...del, body: '{', code: 400, says: "couldn't get version/kind; json parse error: unexpected end of JSON input" },
    { ...del, body: options({ gracePeriodSeconds: 'x' }), code: 400, says: /^json: cannot unmarshal string into Go/ },
  ]);
  const held = await server.request('DELETE', `${MAPS}/a`);
  assert.deepEqual(held.json.metadata.finalizers, ['orphan']);
  await server.request('POST', MAPS, map('b'));
  assert.equal((await server.request('DELETE', `${MAPS}/b?propagationPolicy=Background`)).json.status, 'Success');
});

test('a scale names its object', async () => {
  const server = await startTestServer();
  const path = '/apis/apps/v1/namespaces/default/deployments';
  await server.request('POST', path, { metadata: { name: 'd' }, spec: { selector: {}, template: {} } });
  await check(server, [
    {
      method: 'PUT',
      path: `${path}/d/scale`,
      body: { metadata: {}, spec: { replicas: 2 } },
      code: 400,
      says: 'the name of the object (d based on URL) was undeterminable: name must be provided',
    },
  ]);
});

test('custom resources: versions of updates, lists, metadata in protobuf, subresources that are none', async () => {
  const things: typeof configMapDefinition = {
    id: { group: 'example.com', version: 'v1', kind: 'Thing', plural: 'things' },
    scope: 'namespaced',
    schema: { type: 'object' },
    allowUnconditionalUpdate: false,
    columns: [],
  };
  const server = await startTestServer({ resources: [things] });
  const path = '/apis/example.com/v1/namespaces/default/things';
  const thing = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'a' } };
  await server.request('POST', path, thing);
  await check(server, [
    {
      method: 'PUT',
      path: `${path}/a`,
      body: thing,
      code: 422,
      says: /resourceVersion: Invalid value: 0: must be specified/,
    },
    { method: 'GET', path: `${path}/a/bogus`, code: 404, says: 'things.example.com "a" not found' },
  ]);
  assert.equal((await server.request('GET', path)).json.metadata.continue, '');
  const accept = 'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
  assert.equal((await server.request('GET', path, undefined, { accept })).status, 200);
});

test('who writes a scale comes to own the replicas; an apply to it conflicts with who owns them', async () => {
  const server = await startTestServer();
  const path = '/apis/apps/v1/namespaces/default/deployments';
  await server.request('POST', path, {
    metadata: { name: 'd' },
    spec: { replicas: 1, paused: true, selector: {}, template: {} },
  });
  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'd' }, spec: { replicas: 5 } };
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  const refused = await server.request('PATCH', `${path}/d/scale?fieldManager=s`, scale, headers);
  assert.equal(refused.status, 409);
  assert.deepEqual(refused.json.details.causes[0].field, '.spec.replicas');
  const forced = await server.request('PATCH', `${path}/d/scale?fieldManager=s&force=true`, scale, headers);
  assert.deepEqual([forced.status, forced.json.spec.replicas], [200, 5]);
  const owners = async () =>
    (await server.request('GET', `${path}/d`)).json.metadata.managedFields.map(
      (entry: { manager: string; subresource?: string; fieldsV1: Record<string, Record<string, object>> }) => [
        entry.manager,
        entry.subresource ?? '',
        entry.fieldsV1['f:spec']?.['f:replicas'] !== undefined,
      ],
    );
  assert.deepEqual(await owners(), [
    ['s', 'scale', true],
    ['unknown', '', false],
  ]);
  await server.request('PUT', `${path}/d/scale?fieldManager=put`, { ...scale, spec: { replicas: 7 } });
  assert.deepEqual(await owners(), [
    ['put', 'scale', true],
    ['unknown', '', false],
  ]);
});

test('a refusal of authorization is not to be taken for anything else', async () => {
  const authorizer = { authorize: () => ({ decision: 'none', reason: '' }) as const };
  const server = await startTestServer({ authorizer });
  const { status, headers } = await server.request('GET', MAPS);
  assert.deepEqual([status, headers['x-content-type-options']], [403, 'nosniff']);
});
