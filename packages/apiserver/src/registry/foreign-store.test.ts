/** Values that upstream's kube-apiserver wrote are served as ours: protobuf, JSON in another order; ours pass as they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProtobufCodec, createTypeFacts, type UnknownObject } from '@kapella/api';
import { createMemoryStore, type Store } from '@kapella/store';
import { collect, createTestCtx, startTestServer } from '../test-support.ts';
import { createTranslator } from './foreign-store.ts';

const facts = createTypeFacts();
const codec = createProtobufCodec(facts);
const decoded = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const upstreams = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' },
  data: { k: 'v' },
} as unknown as UnknownObject;
const translate = createTranslator({
  ...{ codec, facts, apiVersion: 'v1', start: '{"kind":"ConfigMap","apiVersion":"v1",' },
  fromOlder: { v0: (object) => ({ ...object, data: { old: '1' } }) },
});

test('protobuf and foreign JSON come out in our order, our own bytes as they are', () => {
  const wanted =
    '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"default","uid":"u",' +
    '"creationTimestamp":"2026-01-01T00:00:00Z"},"data":{"k":"v"}}';
  assert.equal(decoded(translate('/k', codec.encodeObject(upstreams, 'core/v1.ConfigMap'))), wanted);
  assert.equal(decoded(translate('/k', new TextEncoder().encode(JSON.stringify(upstreams)))), wanted);
  const ours = new TextEncoder().encode(wanted);
  assert.equal(translate('/k', ours), ours);
  assert.equal(decoded(translate('/k', new TextEncoder().encode(`${wanted}\n`))), wanted);
  const old = { ...upstreams, apiVersion: 'v0' };
  const converted = JSON.parse(decoded(translate('/k', new TextEncoder().encode(JSON.stringify(old)))));
  assert.deepEqual([converted.apiVersion, converted.data], ['v1', { old: '1' }]);
  for (const broken of ['k8s\0rubbish', '[]', 'x', '{"a":1}', JSON.stringify({ ...old, apiVersion: 'v9' })]) {
    assert.throws(() => translate('/k', new TextEncoder().encode(broken)), /unable to decode key "\/k"/, broken);
  }
});

test('a server on such a store lists, watches and changes what is there', async () => {
  const inner = createMemoryStore();
  const store: Store = new Proxy(inner, {
    get(target, name) {
      if (name === 'embedded') return false;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const ctx = createTestCtx();
  const key = '/registry/configmaps/default/a';
  const value = codec.encodeObject(upstreams, 'core/v1.ConfigMap');
  await inner.commit({ key, expectedRevision: 0, value }, ctx);
  const { request } = await startTestServer({ store });
  const maps = '/api/v1/namespaces/default/configmaps';
  assert.deepEqual((await request('GET', `${maps}/a`)).json.data, { k: 'v' });
  const listed = (await request('GET', maps)).json;
  assert.equal(listed.items[0].metadata.uid, 'u');
  const stream = collect(await request('GET', `${maps}?watch=true&resourceVersion=${listed.metadata.resourceVersion}`));
  const other = codec.encodeObject(
    { ...upstreams, data: { k: 'upstream' } } as unknown as UnknownObject,
    'core/v1.ConfigMap',
  );
  const held = await inner.get(key, ctx);
  await inner.commit({ key, expectedRevision: held?.modRevision ?? 0, value: other }, ctx);
  const merge = { 'content-type': 'application/merge-patch+json' };
  const patched = await request('PATCH', `${maps}/a`, { data: { more: '1' } }, merge);
  assert.deepEqual(patched.json.data, { k: 'upstream', more: '1' });
  assert.deepEqual(
    stream.events().map(({ type, object }) => [type, object.data]),
    [
      ['MODIFIED', { k: 'upstream' }],
      ['MODIFIED', { k: 'upstream', more: '1' }],
    ],
  );
  assert.equal(JSON.parse(decoded((await inner.get(key, ctx))?.value ?? new Uint8Array())).data.more, '1');
});
