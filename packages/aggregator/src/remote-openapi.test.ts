/** Schemas of extension servers within this server's documents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { APIService } from '@kapella/api/types/apiregistration-v1';
import type { HttpCaller, ServerAccess } from '@kapella/apiserver';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { mergeOpenApiV2, partOf, RemoteOpenApi } from './remote-openapi.ts';

const reference = (name: string) => ({ $ref: `#/definitions/${name}` });
const REMOTE = {
  paths: {
    '/apis/wardle.example.com/v1/flunders': { get: { schema: reference('Flunder') } },
    '/apis/other.example.com/v1/x': { get: { schema: reference('Other') } },
  },
  definitions: {
    Flunder: { properties: { metadata: reference('Meta'), self: reference('Flunder') } },
    Meta: { type: 'object', description: 'theirs' },
    Other: {},
  },
};

test('of a document only what one group and version needs is taken', () => {
  const part = partOf(REMOTE, '/apis/wardle.example.com/v1/');
  assert.deepEqual(Object.keys(part.paths), ['/apis/wardle.example.com/v1/flunders']);
  assert.deepEqual(Object.keys(part.definitions), ['Flunder', 'Meta']);
});

test('definitions of another meaning get another name, equal ones are shared', () => {
  const v2 = partOf(REMOTE, '/apis/wardle.example.com/v1/');
  const schemas = { group: 'wardle.example.com', version: 'v1', v3Hash: undefined, v2 };
  const own = { swagger: '2.0', paths: { '/api': {} }, definitions: { Meta: { type: 'object' } } };
  const merged = mergeOpenApiV2(own, [schemas]) as { paths: object; definitions: Record<string, unknown> };
  assert.deepEqual(Object.keys(merged.paths), ['/api', '/apis/wardle.example.com/v1/flunders']);
  assert.deepEqual(Object.keys(merged.definitions), ['Meta', 'Flunder', 'Meta_v2']);
  assert.deepEqual(merged.definitions.Flunder, {
    properties: { metadata: reference('Meta_v2'), self: reference('Flunder') },
  });
  const same = { ...own, definitions: { Meta: REMOTE.definitions.Meta } };
  assert.deepEqual(Object.keys(mergeOpenApiV2(same, [schemas])['definitions'] as object), ['Meta', 'Flunder']);
  assert.equal(mergeOpenApiV2(own, []), own);
});

test('what a server says is kept for a minute, and a server without documents is fine', async () => {
  const stop = new AbortController();
  const asked: string[] = [];
  let answers: Record<string, object> = {
    '/openapi/v3': {
      paths: {
        'apis/wardle.example.com/v1': { serverRelativeURL: '/openapi/v3/apis/wardle.example.com/v1?hash=ABC' },
      },
    },
    '/openapi/v2': REMOTE,
  };
  const caller: HttpCaller = async ({ url }) => {
    const path = url.replace(/^https:\/\/[^/]+/, '');
    asked.push(path);
    const body = new TextEncoder().encode(JSON.stringify(answers[path] ?? {}));
    return { status: answers[path] === undefined ? 404 : 200, headers: {}, body };
  };
  const found = { spec: { clusterIP: '10.0.0.1', ports: [{ port: 443 }] } };
  const server = { get: async () => found } as unknown as ServerAccess;
  let changes = 0;
  const remote = new RemoteOpenApi(server, caller, { certificate: '', privateKey: '' }, () => changes++);
  const service = {
    spec: { group: 'wardle.example.com', version: 'v1', service: { namespace: 'a', name: 'b', port: 443 } },
  } as unknown as APIService;
  let nowMs = 1;
  const base = hostCtx(stop.signal, silentLogger);
  const ctx = { ...base, clock: { ...base.clock, nowMs: () => nowMs } };
  await remote.learn(service, ctx);
  await remote.learn(service, ctx);
  assert.deepEqual(asked.sort(), ['/openapi/v2', '/openapi/v3']);
  assert.equal(remote.schemas()[0]?.v3Hash, 'ABC');
  assert.equal(changes, 1);
  nowMs += 61_000;
  answers = {};
  await remote.learn(service, ctx);
  assert.deepEqual(remote.schemas()[0]?.v2, { paths: {}, definitions: {} });
  assert.equal(remote.schemas()[0]?.v3Hash, undefined);
  remote.forget('wardle.example.com/v1');
  assert.deepEqual(remote.schemas(), []);
  assert.equal(changes, 3);
  stop.abort();
});
