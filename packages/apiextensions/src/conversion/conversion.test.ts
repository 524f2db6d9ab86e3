/** Conversion webhooks through the API. The cases are those of apiextensions-apiserver test/integration/conversion. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Answer,
  ask,
  at,
  change,
  convertAll,
  CRDS,
  ctx,
  define,
  eventually,
  hosts,
  type Json,
  KEY,
  ok,
  replicas,
  response,
  store,
  stored,
  useConversionServer,
  v1,
  v2,
  webhook,
} from '../testing/node/conversion-server.ts';

useConversionServer();

describe('a definition whose versions a webhook converts', () => {
  test('serves each version in its own form, whatever is stored', async () => {
    await define();
    await ok('POST', at('v1'), v1('a', 'left:1'));
    assert.equal(webhook.reviews.length, 0, 'nothing to convert');
    const made = await ok('POST', at('v2'), v2('b', 'right', '2', { garbage: true }));
    assert.deepEqual(
      [made.apiVersion, made.host, made.port, made.garbage],
      ['example.com/v2', 'right', '2', undefined],
    );
    assert.deepEqual([(await stored('b')).apiVersion, (await stored('b')).hostPort], ['example.com/v1', 'right:2']);

    const read = await ok('GET', at('v2', 'a'));
    assert.deepEqual([read.host, read.port, read.hostPort], ['left', '1', undefined]);
    const list = await ok('GET', at('v2'));
    assert.deepEqual(
      list.items.map((o: Json) => [o.apiVersion, o.metadata.name, o.host]),
      [
        ['example.com/v2', 'a', 'left'],
        ['example.com/v2', 'b', 'right'],
      ],
    );
    assert.deepEqual(
      (await ok('GET', at('v1'))).items.map((o: Json) => o.hostPort),
      ['left:1', 'right:2'],
    );
  });

  test('sends many objects in one review, without resourceVersion, and only those of other versions', async () => {
    await define();
    for (const name of ['a', 'b', 'c']) await ok('POST', at('v1'), v1(name, `${name}:1`));
    await ok('GET', at('v2'));
    assert.equal(webhook.reviews.length, 1);
    const { request, apiVersion } = webhook.reviews[0];
    assert.equal(apiVersion, 'apiextensions.k8s.io/v1');
    assert.equal(request.desiredAPIVersion, 'example.com/v2');
    assert.deepEqual(
      request.objects.map((o: Json) => [o.metadata.name, o.metadata.resourceVersion]),
      [
        ['a', undefined],
        ['b', undefined],
        ['c', undefined],
      ],
    );
  });

  test('updates, patches, applies and scales in any version', async () => {
    await define();
    const made = await ok('POST', at('v2'), v2('a', 'left', '1', { spec: { replicas: 1 } }));
    const updated = await ok('PUT', at('v2', 'a'), { ...made, port: '2' });
    assert.equal(updated.port, '2');
    assert.equal((await stored('a')).hostPort, 'left:2');
    const merge = 'application/merge-patch+json';
    assert.equal((await ok('PATCH', at('v2', 'a'), { port: '3' }, merge)).port, '3');
    await ok('PATCH', `${at('v2', 'a')}/status`, { status: { replicas: 4 }, host: 'ignored' }, merge);
    const scale = await ok('GET', `${at('v2', 'a')}/scale`);
    assert.deepEqual([scale.kind, scale.spec.replicas, scale.status.replicas], ['Scale', 1, 4]);
    await ok('PATCH', `${at('v2', 'a')}/scale`, { spec: { replicas: 7 } }, merge);
    const now = await ok('GET', at('v1', 'a'));
    assert.deepEqual([now.hostPort, now.spec.replicas, now.status.replicas], ['left:3', 7, 4]);
    await ok('DELETE', at('v2', 'a'));
    assert.equal((await ask('GET', at('v1', 'a'))).status, 404);
  });

  test('keeps values of old storage versions, and says so in storedVersions', async () => {
    await define();
    await ok('POST', at('v1'), v1('old', 'left:1'));
    await change({ spec: { versions: hosts('v2').spec.versions } });
    await ok('POST', at('v2'), v2('new', 'right', '2'));
    assert.equal((await stored('old')).apiVersion, 'example.com/v1');
    assert.equal((await stored('new')).apiVersion, 'example.com/v2');
    const hostsOf = async (v: string) => (await ok('GET', at(v))).items.map((o: Json) => o.host ?? o.hostPort);
    assert.deepEqual(await hostsOf('v1'), ['right:2', 'left:1']);
    assert.deepEqual(await hostsOf('v2'), ['right', 'left']);
    // A write migrates.
    await ok('PATCH', at('v1', 'old'), { metadata: { labels: { a: 'b' } } }, 'application/merge-patch+json');
    assert.equal((await stored('old')).apiVersion, 'example.com/v2');
    await eventually('both versions are said to be stored', async () => {
      const { status } = await ok('GET', `${CRDS}/hosts.example.com`);
      return JSON.stringify(status.storedVersions) === '["v1","v2"]';
    });
  });

  test('fills in the defaults of the stored version, not of the version that is read', async () => {
    const definition = hosts('v1');
    for (const { name, schema } of definition.spec.versions) {
      schema.openAPIV3Schema.properties.spec = JSON.parse(JSON.stringify(replicas));
      schema.openAPIV3Schema.properties.spec.properties[name].default = 'set';
    }
    await define(definition);
    const made = await ok('POST', at('v2'), v2('a', 'left', '1', { spec: {} }));
    assert.deepEqual(made.spec, { v2: 'set', v1: 'set' });
    assert.deepEqual((await stored('a')).spec, { v2: 'set' });
    await ok('POST', at('v1'), v1('b', 'left:1', { spec: {} }));
    assert.deepEqual((await ok('GET', at('v2', 'b'))).spec, { v1: 'set' });
  });
});

describe('what a webhook may not change', () => {
  test('metadata but labels and annotations stays', async () => {
    await define();
    webhook.answer = convertAll((object) => ({
      ...object,
      metadata: {
        ...object.metadata,
        labels: { from: 'webhook' },
        annotations: { from: 'webhook' },
        generation: 42,
        finalizers: ['foo'],
        resourceVersion: '42',
        garbage: 'x',
      },
    }));
    await ok('POST', at('v1'), v1('a', 'left:1'));
    const { metadata } = await ok('GET', at('v2', 'a'));
    assert.deepEqual(metadata.labels, { from: 'webhook' });
    assert.deepEqual(metadata.annotations, { from: 'webhook' });
    assert.deepEqual([metadata.generation, metadata.finalizers, metadata.garbage], [1, undefined, undefined]);
    assert.notEqual(metadata.resourceVersion, '42');
  });

  const REFUSED: readonly (readonly [string, Answer, string])[] = [
    [
      'another uid',
      convertAll((o) => ({ ...o, metadata: { ...o.metadata, uid: '42' } })),
      'returned invalid object: must have the same UID: ',
    ],
    [
      'another version',
      convertAll((o) => ({ ...o, apiVersion: 'example.com/v9' })),
      'returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v9)',
    ],
    [
      'another kind',
      convertAll((o) => ({ ...o, kind: 'Guest' })),
      'returned invalid object at index 0: invalid kind (expected Host, received Guest)',
    ],
    [
      'a label that is none',
      convertAll((o) => ({ ...o, metadata: { ...o.metadata, labels: { a: 'b c' } } })),
      'returned invalid metadata: metadata.labels: Invalid value: "b c"',
    ],
    ['no object', (r) => response(r, { convertedObjects: [] }), 'returned 0 objects, expected 1'],
    [
      'a failure',
      (r) => response(r, { result: { status: 'Failure', message: 'custom error' } }),
      'failed: custom error',
    ],
    [
      'a failure without words',
      (r) => response(r, { result: { status: 'Failure' } }),
      "failed: response.result.status was 'Failure', not 'Success'",
    ],
    [
      'another review',
      (r) => ({ body: { ...response(r, {}).body, kind: 'Other' } }),
      'expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got',
    ],
    [
      'an answer to another',
      (r) => ({ body: { ...response(r, { uid: 'x' }).body } }),
      'failed: expected response.uid=',
    ],
    [
      'an error of HTTP',
      () => ({ status: 400, body: 'no' }),
      'failed: the server rejected our request for an unknown reason',
    ],
  ];
  for (const [what, answered, words] of REFUSED) {
    test(`${what} is refused on every verb, and changes nothing`, async () => {
      await define();
      const made = await ok('POST', at('v1'), v1('a', 'left:1'));
      webhook.answer = answered;
      const object = { ...v2('a', 'left', '2'), metadata: made.metadata };
      const merge = 'application/merge-patch+json';
      const scale = { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name: 'a' }, spec: { replicas: 3 } };
      const tries: readonly (readonly [string, string, object?, string?])[] = [
        ['GET', at('v2', 'a')],
        ['GET', at('v2')],
        ['PUT', at('v2', 'a'), object],
        ['PATCH', at('v2', 'a'), { port: '2' }, merge],
        ['PATCH', `${at('v2', 'a')}?fieldManager=x`, v2('a', 'left', '2'), 'application/apply-patch+yaml'],
        ['DELETE', at('v2', 'a')],
        ['DELETE', at('v2')],
        ['GET', `${at('v2', 'a')}/status`],
        ['PATCH', `${at('v2', 'a')}/status`, { status: {} }, merge],
        ['GET', `${at('v2', 'a')}/scale`],
        ['PUT', `${at('v2', 'a')}/scale`, scale],
      ];
      for (const [method, url, body, type] of tries) {
        const { status, json } = await ask(method, url, body, type);
        assert.equal(status, 500, `${method} ${url}: ${JSON.stringify(json)}`);
        const named = 'conversion webhook for example.com/v1, Kind=Host ';
        assert.ok(json.message.startsWith(named) && json.message.includes(words), `${method} ${url}: ${json.message}`);
      }
      assert.equal((await ok('GET', at('v1', 'a'))).hostPort, 'left:1');
      webhook.answer = convertAll();
      assert.equal((await ok('GET', at('v2'))).items.length, 1, 'it serves again at once');
    });
  }
});

test('the webhook of a definition that changes is asked at once', async () => {
  await define();
  await ok('POST', at('v1'), v1('a', 'left:1'));
  await ok('GET', at('v2'));
  await change({ spec: { conversion: { webhook: { conversionReviewVersions: ['v7', 'v1beta1', 'v1'] } } } });
  webhook.reviews.length = 0;
  await ok('GET', at('v2'));
  assert.equal(webhook.reviews[0].apiVersion, 'apiextensions.k8s.io/v1beta1');
});

test('a definition goes with its objects; while its webhook fails it says so', async () => {
  await define();
  await ok('POST', at('v1'), v1('a', 'left:1'));
  await change({ spec: { versions: hosts('v2').spec.versions } });
  webhook.answer = () => ({ status: 500, body: 'broken' });
  await ok('DELETE', `${CRDS}/hosts.example.com`);
  const terminating = async () =>
    (await ok('GET', `${CRDS}/hosts.example.com`)).status.conditions.find((c: Json) => c.type === 'Terminating');
  await eventually('it says that it fails', async () => (await terminating()).reason === 'InstanceDeletionFailed');
  assert.match((await terminating()).message, /^could not list instances: conversion webhook for /);
  webhook.answer = convertAll();
  await eventually('it is gone', async () => (await ask('GET', `${CRDS}/hosts.example.com`)).status === 404);
  assert.equal(await store.get(`${KEY}a`, ctx), undefined);
});
