/** CBOR both ways, behind its gate: bodies, answers, lists, watches, applying, errors; built-in kinds and custom resources. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCbor, encodeCbor } from './codec/cbor.ts';
import type { ResourceDefinition } from './resource.ts';
import { collect, startTestServer, type TestAnswer } from './test-support.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const CBOR = { accept: 'application/cbor', 'content-type': 'application/cbor' };
const map = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a', labels: { app: 'x' } }, data: { k: 'v' } };

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
const bodyOf = ({ body }: TestAnswer): any => decodeCbor(body as Uint8Array);

test('a server that is not asked to speak CBOR does not', async () => {
  const { request } = await startTestServer();
  assert.equal((await request('POST', MAPS, encodeCbor(map), { 'content-type': CBOR['content-type'] })).status, 415);
  assert.equal((await request('GET', MAPS, undefined, { accept: CBOR.accept })).status, 406);
  const apply = { 'content-type': 'application/apply-patch+cbor' };
  assert.equal((await request('PATCH', `${MAPS}/a?fieldManager=x`, encodeCbor(map), apply)).status, 415);
});

test('objects, lists, tables and errors', async () => {
  const { request } = await startTestServer({ cbor: true });
  const made = await request('POST', MAPS, encodeCbor(map), CBOR);
  assert.deepEqual([made.status, made.headers['content-type']], [201, 'application/cbor']);
  assert.deepEqual(bodyOf(made).data, { k: 'v' });
  const got = await request('GET', `${MAPS}/a`);
  assert.deepEqual(bodyOf(await request('GET', `${MAPS}/a`, undefined, CBOR)), got.json);
  const listed = await request('GET', MAPS, undefined, { accept: 'application/json;q=0.9,application/cbor;q=1' });
  assert.equal(bodyOf(listed).items[0].metadata.name, 'a');
  const table = await request('GET', MAPS, undefined, { accept: 'application/cbor;as=Table;v=v1;g=meta.k8s.io' });
  assert.deepEqual(bodyOf(table).rows[0].cells, ['a', 1]);
  const none = await request('GET', `${MAPS}/none`, undefined, CBOR);
  assert.deepEqual([none.status, bodyOf(none).reason], [404, 'NotFound']);
  const options = encodeCbor({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'other' } });
  assert.equal((await request('DELETE', `${MAPS}/a`, options, CBOR)).status, 409);
});

test('bodies that are none, and fields that are unknown', async () => {
  const { request } = await startTestServer({ cbor: true });
  const broken = await request('POST', MAPS, Uint8Array.of(0xa1), { 'content-type': CBOR['content-type'] });
  assert.equal(broken.status, 400);
  assert.match(
    broken.json.message,
    /^the object provided is unrecognized \(must be of type ConfigMap\): unable to determine/,
  );
  const unknown = encodeCbor({ ...map, bogus: 1 });
  const strict = await request('POST', `${MAPS}?fieldValidation=Strict`, unknown, {
    'content-type': CBOR['content-type'],
  });
  assert.match(strict.json.message, /strict decoding error: unknown field "bogus"/);
  const warned = await request('POST', MAPS, unknown, CBOR);
  assert.deepEqual(warned.headers.warning, ['299 - "unknown field \\"bogus\\""']);
});

test('applying', async () => {
  const { request } = await startTestServer({ cbor: true });
  const headers = { accept: CBOR.accept, 'content-type': 'application/apply-patch+cbor' };
  const applied = await request('PATCH', `${MAPS}/a?fieldManager=x`, encodeCbor(map), headers);
  assert.equal(applied.status, 201);
  assert.equal(bodyOf(applied).metadata.managedFields[0].operation, 'Apply');
  assert.equal((await request('PATCH', `${MAPS}/a?fieldManager=x`, Uint8Array.of(0x81), headers)).status, 400);
});

test('a watch is a sequence of items', async () => {
  const { request } = await startTestServer({ cbor: true });
  await request('POST', MAPS, map);
  const answer = await request('GET', `${MAPS}?watch=true&resourceVersion=0&allowWatchBookmarks=true`, undefined, CBOR);
  assert.equal(answer.headers['content-type'], 'application/cbor-seq');
  const stream = collect(answer);
  await new Promise((resolve) => setImmediate(resolve));
  stream.stop();
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events freely
  const events = stream.chunks.map((chunk) => decodeCbor(chunk) as any);
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.kind]),
    [
      ['ADDED', 'ConfigMap'],
      ['BOOKMARK', 'ConfigMap'],
    ],
  );
});

test('custom resources', async () => {
  const widgets: ResourceDefinition = {
    id: { group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets' },
    scope: 'namespaced',
    schema: { type: 'object' },
    columns: [],
  };
  const { request } = await startTestServer({ cbor: true, resources: [widgets] });
  const path = '/apis/example.com/v1/namespaces/default/widgets';
  const widget = {
    kind: 'Widget',
    apiVersion: 'example.com/v1',
    metadata: { name: 'w' },
    spec: { big: 2 ** 53 - 1, part: 1.5 },
  };
  const made = await request('POST', path, encodeCbor(widget), CBOR);
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(bodyOf(await request('GET', `${path}/w`, undefined, CBOR)).spec, widget.spec);
});
