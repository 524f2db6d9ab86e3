/** The REST verbs through handle(), on two small kinds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnknownObject } from '@kapella/api';
import { COMPACT_EVERY_MS } from './rest/compaction.ts';
import { collect, startTestServer } from './test-support.ts';

const CMS = '/api/v1/namespaces/default/configmaps';
const DEPLOYS = '/apis/apps/v1/namespaces/default/deployments';
const cm = (name: string, data: object = { a: '1' }) => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name },
  data,
});
const deploy = (name: string, replicas?: number) => ({
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  metadata: { name },
  spec: {
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'nginx' }] } },
  },
});

test("create answers 201 with the server's metadata, get and list show the object", async () => {
  const { request } = await startTestServer();
  const created = await request('POST', CMS, cm('a'));
  assert.equal(created.status, 201);
  const { uid, creationTimestamp, resourceVersion, namespace } = created.json.metadata;
  assert.ok(uid);
  assert.equal(creationTimestamp, '2026-01-01T00:00:00Z');
  assert.equal(namespace, 'default');
  const read = await request('GET', `${CMS}/a`);
  assert.deepEqual(read.json, created.json);
  const list = await request('GET', CMS);
  assert.equal(list.json.kind, 'ConfigMapList');
  assert.equal(list.json.metadata.resourceVersion, resourceVersion);
  const { kind: _k, apiVersion: _v, ...item } = created.json;
  assert.deepEqual(list.json.items, [item]);
});

test('creating a name twice is a conflict; a missing object is not found', async () => {
  const { request } = await startTestServer();
  await request('POST', CMS, cm('a'));
  const again = await request('POST', CMS, cm('a'));
  assert.equal(again.status, 409);
  assert.deepEqual(again.json.reason, 'AlreadyExists');
  assert.equal(again.json.message, 'configmaps "a" already exists');
  const missing = await request('GET', `${CMS}/b`);
  assert.equal(missing.status, 404);
  assert.equal(missing.json.message, 'configmaps "b" not found');
});

test('generateName makes names until one is free', async () => {
  const { request } = await startTestServer();
  const names = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { json } = await request('POST', CMS, { metadata: { generateName: 'x-' } });
    assert.match(json.metadata.name, /^x-[a-z0-9]{5}$/);
    names.add(json.metadata.name);
  }
  assert.equal(names.size, 20);
});

test('an invalid object is refused with every error at once', async () => {
  const { request } = await startTestServer();
  const answer = await request('POST', CMS, cm('Not_A_Name', { bad: 'x' }));
  assert.equal(answer.status, 422);
  assert.equal(answer.json.reason, 'Invalid');
  assert.deepEqual(
    answer.json.details.causes.map((cause: { field: string }) => cause.field),
    ['data[bad]', 'metadata.name'],
  );
});

test('update needs the version it was read at, and bumps generation only for spec', async () => {
  const { request } = await startTestServer();
  const { json: first } = await request('POST', DEPLOYS, deploy('d'));
  assert.equal(first.metadata.generation, 1);
  assert.equal(first.spec.replicas, 1);
  const { json: second } = await request('PUT', `${DEPLOYS}/d`, { ...first, spec: { ...first.spec, replicas: 3 } });
  assert.equal(second.metadata.generation, 2);
  const stale = await request('PUT', `${DEPLOYS}/d`, { ...first, spec: { ...first.spec, replicas: 4 } });
  assert.equal(stale.status, 409);
  assert.match(
    stale.json.message,
    /Operation cannot be fulfilled on deployments\.apps "d": the object has been modified/,
  );
  const labelled = await request('PUT', `${DEPLOYS}/d`, {
    ...second,
    metadata: { ...second.metadata, labels: { a: 'b' } },
  });
  assert.equal(labelled.json.metadata.generation, 2);
});

test('an update that changes nothing writes nothing', async () => {
  const { request, clock } = await startTestServer();
  const { json: first } = await request('POST', DEPLOYS, deploy('d'));
  clock.advance(5_000);
  const { json: second } = await request('PUT', `${DEPLOYS}/d`, first);
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
});

test('status is written through its subresource only', async () => {
  const { request } = await startTestServer();
  const { json: first } = await request('POST', DEPLOYS, { ...deploy('d'), status: { replicas: 7 } });
  assert.equal(first.status?.replicas, undefined);
  const changed = { ...first, status: { replicas: 2 }, spec: { ...first.spec, replicas: 9 } };
  const { json: second } = await request('PUT', `${DEPLOYS}/d/status`, changed);
  assert.equal(second.status.replicas, 2);
  assert.equal(second.spec.replicas, 1);
  const { json: third } = await request('PUT', `${DEPLOYS}/d`, { ...second, status: { replicas: 5 } });
  assert.equal(third.status.replicas, 2);
});

test('the four patch types', async () => {
  const { request } = await startTestServer();
  await request('POST', DEPLOYS, deploy('d'));
  const path = `${DEPLOYS}/d`;
  const merge = await request(
    'PATCH',
    path,
    { spec: { replicas: 2 } },
    { 'content-type': 'application/merge-patch+json' },
  );
  assert.equal(merge.json.spec.replicas, 2);
  const json = await request('PATCH', path, [{ op: 'replace', path: '/spec/replicas', value: 3 }], {
    'content-type': 'application/json-patch+json',
  });
  assert.equal(json.json.spec.replicas, 3);
  const strategic = await request(
    'PATCH',
    path,
    { spec: { template: { spec: { containers: [{ name: 'd', image: 'busybox' }] } } } },
    { 'content-type': 'application/strategic-merge-patch+json' },
  );
  assert.deepEqual(strategic.json.spec.template.spec.containers.map((c: { name: string }) => c.name).sort(), [
    'c',
    'd',
  ]);
  const applied = await request(
    'PATCH',
    `${path}?fieldManager=me&force=true`,
    'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\nspec:\n  replicas: 5\n',
    { 'content-type': 'application/apply-patch+yaml' },
  );
  assert.equal(applied.status, 200);
  assert.equal(applied.json.spec.replicas, 5);
  assert.ok(
    applied.json.metadata.managedFields.some(
      (e: { manager: string; operation: string }) => e.manager === 'me' && e.operation === 'Apply',
    ),
  );
  const wrong = await request('PATCH', path, {}, { 'content-type': 'text/plain' });
  assert.equal(wrong.status, 415);
});

test('apply creates, and refuses a field that someone else owns', async () => {
  const { request } = await startTestServer();
  const yaml = (value: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  k: ${value}\n`;
  const type = { 'content-type': 'application/apply-patch+yaml' };
  const created = await request('PATCH', `${CMS}/x?fieldManager=a`, yaml('one'), type);
  assert.equal(created.status, 201);
  const conflict = await request('PATCH', `${CMS}/x?fieldManager=b`, yaml('two'), type);
  assert.equal(conflict.status, 409);
  assert.match(conflict.json.message, /conflict with "a"/);
  const nobody = await request('PATCH', `${CMS}/x`, yaml('two'), type);
  assert.equal(nobody.status, 422);
});

test('scale reads and writes the replicas', async () => {
  const { request } = await startTestServer();
  await request('POST', DEPLOYS, deploy('d', 2));
  const { json: scale } = await request('GET', `${DEPLOYS}/d/scale`);
  assert.equal(scale.kind, 'Scale');
  assert.equal(scale.spec.replicas, 2);
  assert.equal(scale.status.selector, 'app=d');
  const put = await request('PUT', `${DEPLOYS}/d/scale`, { ...scale, spec: { replicas: 4 } });
  assert.equal(put.json.spec.replicas, 4);
  const patched = await request(
    'PATCH',
    `${DEPLOYS}/d/scale`,
    { spec: { replicas: 6 } },
    { 'content-type': 'application/merge-patch+json' },
  );
  assert.equal(patched.json.spec.replicas, 6);
  assert.equal((await request('GET', `${DEPLOYS}/d`)).json.spec.replicas, 6);
});

test('delete answers a Status; finalizers hold the object until they are gone', async () => {
  const { request } = await startTestServer();
  const { json } = await request('POST', CMS, cm('a'));
  const deleted = await request('DELETE', `${CMS}/a`);
  assert.deepEqual(deleted.json, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: 'a', kind: 'configmaps', uid: json.metadata.uid },
  });
  await request('POST', CMS, { ...cm('b'), metadata: { name: 'b', finalizers: ['example.com/hold'] } });
  const marked = await request('DELETE', `${CMS}/b`);
  assert.equal(marked.status, 200);
  assert.ok(marked.json.metadata.deletionTimestamp);
  assert.equal(marked.json.metadata.deletionGracePeriodSeconds, 0);
  const released = await request(
    'PATCH',
    `${CMS}/b`,
    { metadata: { finalizers: null } },
    { 'content-type': 'application/merge-patch+json' },
  );
  assert.equal(released.status, 200);
  assert.equal((await request('GET', `${CMS}/b`)).status, 404);
});

test('a write of the status that takes the last finalizer ends the object as well: clouds let go of Services that way', async () => {
  const { request } = await startTestServer();
  const held = { metadata: { name: 'd', finalizers: ['example.com/hold'] }, spec: { replicas: 1 } };
  assert.equal((await request('POST', DEPLOYS, { apiVersion: 'apps/v1', kind: 'Deployment', ...held })).status, 201);
  await request('DELETE', `${DEPLOYS}/d`);
  const merge = { 'content-type': 'application/merge-patch+json' };
  assert.equal((await request('PATCH', `${DEPLOYS}/d/status`, { metadata: { finalizers: null } }, merge)).status, 200);
  assert.equal((await request('GET', `${DEPLOYS}/d`)).status, 404);
});

test('delete options: propagation policy becomes a finalizer, preconditions are checked, dry run changes nothing', async () => {
  const { request } = await startTestServer();
  await request('POST', CMS, cm('a'));
  const wrong = await request('DELETE', `${CMS}/a`, {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    preconditions: { uid: 'nope' },
  });
  assert.equal(wrong.status, 409);
  assert.match(wrong.json.message, /the UID in the precondition \(nope\) does not match the UID in record \(/);
  await request('DELETE', `${CMS}/a?dryRun=All`);
  assert.equal((await request('GET', `${CMS}/a`)).status, 200);
  const orphan = await request('DELETE', `${CMS}/a`, { propagationPolicy: 'Orphan' });
  assert.deepEqual(orphan.json.metadata.finalizers, ['orphan']);
});

test('deletecollection deletes what the selector matches', async () => {
  const { request } = await startTestServer();
  for (const name of ['a', 'b']) await request('POST', CMS, { ...cm(name), metadata: { name, labels: { name } } });
  const answer = await request('DELETE', `${CMS}?labelSelector=name%3Da`);
  assert.equal(answer.json.items.length, 1);
  assert.deepEqual(
    (await request('GET', CMS)).json.items.map((i: { metadata: { name: string } }) => i.metadata.name),
    ['b'],
  );
});

test('dry run of create and update answer the result and write nothing', async () => {
  const { request } = await startTestServer();
  const dry = await request('POST', `${CMS}?dryRun=All`, cm('a'));
  assert.equal(dry.status, 201);
  assert.equal((await request('GET', `${CMS}/a`)).status, 404);
  assert.equal((await request('POST', `${CMS}?dryRun=some`, cm('a'))).status, 422);
});

test('field validation: strict refuses, warn warns, ignore drops', async () => {
  const { request } = await startTestServer();
  const body = { ...cm('a'), nonsense: 1 };
  const strict = await request('POST', `${CMS}?fieldValidation=Strict`, body);
  assert.equal(strict.status, 400);
  assert.equal(
    strict.json.message,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "nonsense"',
  );
  const warned = await request('POST', `${CMS}?fieldValidation=Warn`, body);
  assert.deepEqual(warned.headers.warning, ['299 - "unknown field \\"nonsense\\""']);
  assert.equal(warned.json.nonsense, undefined);
});

test('selectors filter lists; an unknown field label is a bad request', async () => {
  const { request } = await startTestServer();
  await request('POST', DEPLOYS, deploy('a'));
  await request('POST', DEPLOYS, { ...deploy('b'), spec: { ...deploy('b').spec, paused: true } });
  const names = async (query: string) =>
    (await request('GET', `${DEPLOYS}?${query}`)).json.items.map(
      (i: { metadata: { name: string } }) => i.metadata.name,
    );
  assert.deepEqual(await names('fieldSelector=metadata.name%3Da'), ['a']);
  assert.deepEqual(await names('fieldSelector=spec.paused%3Dtrue'), ['b']);
  assert.deepEqual(await names('fieldSelector=metadata.name!%3Da'), ['b']);
  const wrong = await request('GET', `${DEPLOYS}?fieldSelector=spec.foo%3Da`);
  assert.equal(wrong.status, 400);
  assert.match(wrong.json.message, /field label not supported: spec\.foo/);
});

test("lists in pages are true at the first page's version", async () => {
  const { request } = await startTestServer();
  for (const name of ['a', 'b', 'c', 'd', 'e']) await request('POST', CMS, cm(name));
  const first = await request('GET', `${CMS}?limit=2`);
  assert.equal(first.json.metadata.remainingItemCount, 3);
  await request('DELETE', `${CMS}/c`);
  await request('POST', CMS, cm('bb'));
  const second = await request('GET', `${CMS}?limit=2&continue=${first.json.metadata.continue}`);
  assert.deepEqual(
    second.json.items.map((i: { metadata: { name: string } }) => i.metadata.name),
    ['c', 'd'],
  );
  const last = await request('GET', `${CMS}?limit=2&continue=${second.json.metadata.continue}`);
  assert.deepEqual(
    last.json.items.map((i: { metadata: { name: string } }) => i.metadata.name),
    ['e'],
  );
  assert.equal(last.json.metadata.continue, undefined);
  assert.equal((await request('GET', `${CMS}?continue=rubbish`)).status, 400);
});

test('watch delivers every change once and in order, and ends at its time', async () => {
  const { request, clock, server } = await startTestServer();
  const { json: created } = await request('POST', CMS, cm('a'));
  const response = await request(
    'GET',
    `${CMS}?watch=true&resourceVersion=${created.metadata.resourceVersion}&timeoutSeconds=10`,
  );
  const watch = collect(response);
  await request('POST', CMS, cm('b'));
  await request('PUT', `${CMS}/b`, cm('b', { a: '2' }));
  await request('DELETE', `${CMS}/b`);
  assert.deepEqual(
    watch.events().map((e) => `${e.type} ${e.object.metadata.name}`),
    ['ADDED b', 'MODIFIED b', 'DELETED b'],
  );
  const running = () => /^apiserver_longrunning_requests\{.*verb="WATCH".*\} (\d+)$/m.exec(server.metrics.text())?.[1];
  assert.equal(running(), '1');
  clock.advance(10_000);
  assert.equal(watch.closed, true);
  assert.equal(running(), '0');
});

test('watches that see the same share its bytes, also of several changes at once; others see only their own', async () => {
  const { request } = await startTestServer();
  const from = (await request('GET', CMS)).json.metadata.resourceVersion;
  const open = async (path: string) => collect(await request('GET', `${path}${from}`));
  const [first, second, one, everywhere] = await Promise.all([
    open(`${CMS}?watch=1&resourceVersion=`),
    open(`${CMS}?watch=1&resourceVersion=`),
    open(`${CMS}?watch=1&fieldSelector=metadata.name%3Db&resourceVersion=`),
    open('/api/v1/configmaps?watch=1&resourceVersion='),
  ]);
  await Promise.all(['a', 'b', 'c'].map((name) => request('POST', CMS, cm(name))));
  await request('POST', '/api/v1/namespaces/other/configmaps', cm('d'));
  const names = (watch: typeof first) => watch.events().map((event) => event.object.metadata.name);
  assert.deepEqual(names(first).toSorted(), ['a', 'b', 'c']);
  assert.deepEqual(names(second), names(first));
  assert.deepEqual(names(one), ['b']);
  assert.deepEqual(names(everywhere), [...names(first), 'd']);
  for (const [i, chunk] of first.chunks.entries()) assert.equal(second.chunks[i], chunk);
  for (const watch of [first, second, one, everywhere]) watch.stop();
});

test('watch with initial events ends them with an annotated bookmark', async () => {
  const { request } = await startTestServer();
  await request('POST', CMS, cm('a'));
  const watch = collect(
    await request(
      'GET',
      `${CMS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    ),
  );
  const [added, bookmark] = watch.events();
  assert.equal(added.type, 'ADDED');
  assert.equal(bookmark.type, 'BOOKMARK');
  assert.equal(bookmark.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  watch.stop();
});

test('tables, metadata alone, YAML and protobuf', async () => {
  const { request } = await startTestServer();
  await request('POST', CMS, cm('a'));
  const table = await request('GET', CMS, undefined, {
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  });
  assert.equal(table.json.kind, 'Table');
  assert.deepEqual(table.json.rows[0].cells, ['a', 1]);
  assert.equal(table.json.rows[0].object.kind, 'PartialObjectMetadata');
  const partial = await request('GET', `${CMS}/a`, undefined, {
    accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  });
  assert.equal(partial.json.kind, 'PartialObjectMetadata');
  assert.equal(partial.json.data, undefined);
  const yaml = await request('GET', `${CMS}/a`, undefined, { accept: 'application/yaml' });
  assert.match(yaml.text, /^kind: ConfigMap\n/);
  const proto = await request('GET', `${CMS}/a`, undefined, { accept: 'application/vnd.kubernetes.protobuf' });
  assert.equal(proto.text.slice(0, 3), 'k8s');
  const posted = await request('PUT', `${CMS}/a`, proto.body, {
    'content-type': 'application/vnd.kubernetes.protobuf',
  });
  assert.equal(posted.status, 200);
  const none = await request('GET', CMS, undefined, { accept: 'image/png' });
  assert.equal(none.status, 406);
});

test('a page that was begun more than two compactions ago is told where to go on', async () => {
  const { request, clock } = await startTestServer();
  for (const name of ['a', 'b', 'c']) await request('POST', CMS, { metadata: { name } });
  const first = (await request('GET', `${CMS}?limit=1`)).json;
  await request('POST', CMS, { metadata: { name: 'd' } });
  const next = `${CMS}?limit=5&continue=${first.metadata.continue}`;
  assert.equal((await request('GET', next)).json.items.length, 2);
  for (let round = 0; round < 2; round++) {
    clock.advance(COMPACT_EVERY_MS);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const expired = await request('GET', next);
  assert.deepEqual([expired.status, expired.json.reason], [410, 'Expired']);
  const goOn = await request('GET', `${CMS}?limit=5&continue=${expired.json.metadata.continue}`);
  assert.deepEqual(
    goOn.json.items.map((item: UnknownObject) => item.metadata.name),
    ['b', 'c', 'd'],
  );
});
