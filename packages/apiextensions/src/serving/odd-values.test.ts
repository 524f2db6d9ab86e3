/** Integers of custom resources keep all their digits, whichever way they come and go; nulls that no schema allows. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  alwaysAllow,
  type AnyDefinition,
  type ApiServer,
  createApiServer,
  createAuthenticator,
  createMetricsRegistry,
} from '@kapella/apiserver';
import type { ByteSink, ResponseStream } from '@kapella/client';
import { type Ctx, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { resources } from '@kapella/resources';
import { createMemoryStore } from '@kapella/store';
import { createCustomResources } from './custom-resources.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const COUNTERS = '/apis/example.com/v1/namespaces/default/counters';
const N = '9007199254740993'; // 2^53 + 1
const M = '9223372036854775807'; // 2^63 - 1

const stop = new AbortController();
let ctx: Ctx;
let server: ApiServer;

async function ask(method: string, url: string, body?: string, headers: Record<string, string> = {}) {
  const [path = '', query = ''] = url.split('?');
  const bytes = body === undefined ? {} : { body: new TextEncoder().encode(body) };
  const request = { method, path, query, headers: { 'content-type': 'application/json', ...headers }, ...bytes };
  const response = await server.handle(request, ctx);
  return { status: response.status, text: await textOf(response.body) };
}

function textOf(body: Awaited<ReturnType<ApiServer['handle']>>['body']): Promise<string> {
  if (body instanceof Uint8Array) return Promise.resolve(new TextDecoder().decode(body));
  const chunks: Uint8Array[] = [];
  return new Promise((resolve) => {
    const sink: ByteSink = {
      write: (chunk) => {
        chunks.push(Uint8Array.from(chunk));
        return true;
      },
      close: () => resolve(Buffer.concat(chunks).toString()),
      onDrain: () => {},
    };
    (body as ResponseStream).start(sink, stop.signal);
  });
}

const counter = (name: string, spec: string) =>
  `{"apiVersion":"example.com/v1","kind":"Counter","metadata":{"name":"${name}"},"spec":${spec}}`;

before(async () => {
  ctx = hostCtx(stop.signal, silentLogger);
  server = createApiServer(
    {
      store: createMemoryStore(),
      resources: resources as readonly AnyDefinition[],
      authenticator: createAuthenticator({ tokens: [] }),
      authorizer: alwaysAllow,
      metrics: createMetricsRegistry(),
    },
    ctx,
  );
  await server.ready(ctx);
  createCustomResources(server, ctx);
  const integer = { type: 'integer', format: 'int64' };
  const spec = {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: {
      value: { ...integer, minimum: 1 },
      even: { ...integer, multipleOf: 2 },
      set: { type: 'array', items: integer, 'x-kubernetes-list-type': 'set' },
    },
  };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'counters.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'counters', kind: 'Counter' },
      versions: [
        {
          ...{ name: 'v1', served: true, storage: true },
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          additionalPrinterColumns: [{ name: 'Value', type: 'integer', jsonPath: '.spec.value' }],
        },
      ],
    },
  };
  assert.equal((await ask('POST', CRDS, JSON.stringify(definition))).status, 201);
  while ((await ask('GET', COUNTERS)).status !== 200) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await ask('POST', COUNTERS, counter('a', `{"value":${N},"any":{"deep":[${M}]}}`))).status, 201);
});

after(() => {
  stop.abort();
  server.close();
});

test('what was created is read, listed and watched with its digits', async () => {
  for (const url of [`${COUNTERS}/a`, COUNTERS, `${COUNTERS}?watch=1&timeoutSeconds=1`]) {
    const { text } = await ask('GET', url);
    assert.match(text, new RegExp(`"value":${N}`), url);
    assert.match(text, new RegExp(`"deep":\\[${M}\\]`), url);
  }
});

test('as YAML and pretty, and as a row of a table', async () => {
  assert.match(
    (await ask('GET', `${COUNTERS}/a`, undefined, { accept: 'application/yaml' })).text,
    new RegExp(`value: ${N}`),
  );
  assert.match((await ask('GET', `${COUNTERS}/a?pretty=1`)).text, new RegExp(`"value": ${N}`));
  const table = await ask('GET', COUNTERS, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
  assert.match(table.text, new RegExp(`"cells":\\["a",${N}\\]`));
});

test('from YAML, by update and by each kind of patch', async () => {
  const yaml = `apiVersion: example.com/v1\nkind: Counter\nmetadata:\n  name: b\nspec:\n  value: ${N}\n  small: 3\n`;
  const made = await ask('POST', COUNTERS, yaml, { 'content-type': 'application/yaml' });
  assert.match(made.text, new RegExp(`"value":${N},"small":3`));
  const put = await ask('PUT', `${COUNTERS}/b`, made.text.replace(N, M));
  assert.match(put.text, new RegExp(`"value":${M}`));
  const patches: readonly (readonly [type: string, patch: string])[] = [
    ['application/merge-patch+json', `{"spec":{"merged":${N}}}`],
    [
      'application/json-patch+json',
      `[{"op":"test","path":"/spec/merged","value":${N}},{"op":"add","path":"/spec/added","value":${M}}]`,
    ],
    ['application/apply-patch+yaml', `${counter('b', `{"set":[${N},${M}]}`)}`],
  ];
  for (const [type, patch] of patches) {
    const manager = type.includes('apply') ? '?fieldManager=me' : '';
    const { status, text } = await ask('PATCH', `${COUNTERS}/b${manager}`, patch, { 'content-type': type });
    assert.equal(status, 200, text);
  }
  const { text } = await ask('GET', `${COUNTERS}/b`);
  assert.match(text, new RegExp(`"merged":${N}`));
  assert.match(text, new RegExp(`"added":${M}`));
  assert.match(text, new RegExp(`"set":\\[${N},${M}\\]`));
  assert.match(text, new RegExp(`"v:${N}":\\{\\}`));
});

test('they are integers to the schema', async () => {
  const small = await ask('POST', COUNTERS, counter('c', `{"value":-${N}}`));
  assert.equal(small.status, 422);
  assert.match(small.text, new RegExp(`Invalid value: -${N}: spec.value in body should be greater than or equal to 1`));
  const odd = await ask('POST', COUNTERS, counter('c', `{"even":${N}}`));
  assert.match(odd.text, /should be a multiple of 2/);
  const twice = await ask('POST', COUNTERS, counter('c', `{"set":[${N},${N}]}`));
  assert.match(twice.text, new RegExp(`Duplicate value: ${N}`));
});

test('a null that the schema allows not is dropped, but refused where it is applied', async () => {
  const nothing = counter('n', '{"value":null}');
  const made = await ask('POST', COUNTERS, nothing);
  assert.equal(made.status, 201);
  assert.doesNotMatch(made.text, /"value"/);
  const apply = { 'content-type': 'application/apply-patch+yaml' };
  const applied = await ask('PATCH', `${COUNTERS}/n?fieldManager=x&force=true`, nothing, apply);
  assert.equal(applied.status, 422);
  assert.match(applied.text, /spec\.value in body must be of type integer/);
});
