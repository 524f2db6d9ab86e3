/** For the tests of conversion webhooks: a server, a definition in two versions, and a webhook that can be told what to do. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach } from 'node:test';
import {
  alwaysAllow,
  type AnyDefinition,
  type ApiServer,
  createApiServer,
  createAuthenticator,
  createMetricsRegistry,
  type HttpCaller,
} from '@kapella/apiserver';
import { type Ctx, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { resources } from '@kapella/resources';
import { createMemoryStore, type Store } from '@kapella/store';
import { createCustomResources } from '../../serving/custom-resources.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
export type Json = any;

export const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
export const at = (version: string, name = '') =>
  `/apis/example.com/${version}/namespaces/default/hosts${name && `/${name}`}`;
export const KEY = '/registry/example.com/hosts/default/';
const encoder = new TextEncoder();
export const decoder = new TextDecoder();

export let stop: AbortController;
export let ctx: Ctx;
export let server: ApiServer;
export let store: Store;
export type Answer = (review: Json) => { readonly status?: number; readonly body: Json };
/** Every review that came, and how it is answered. */
export const webhook: { reviews: Json[]; answer: Answer } = { reviews: [], answer: () => ({ body: {} }) };

/** v1 has `hostPort`, the others `host` and `port`. */
function convert(given: Json, apiVersion: string): Json {
  const { hostPort, host, port, ...rest } = given;
  const [left = '', right = ''] = hostPort === undefined ? [host, port] : hostPort.split(':');
  if (apiVersion === 'example.com/v1') return { ...rest, apiVersion, hostPort: `${left ?? ''}:${right ?? ''}` };
  return { ...rest, apiVersion, host: left, port: right };
}

export const response = (review: Json, more: object) => ({
  body: {
    kind: review.kind,
    apiVersion: review.apiVersion,
    response: { uid: review.request.uid, result: { status: 'Success' }, ...more },
  },
});
export const convertAll =
  (change: (object: Json) => Json = (object) => object) =>
  (review: Json) => {
    const { objects, desiredAPIVersion } = review.request;
    return response(review, { convertedObjects: objects.map((o: Json) => change(convert(o, desiredAPIVersion))) });
  };

const caller: HttpCaller = async (request) => {
  const review = JSON.parse(decoder.decode(request.body));
  webhook.reviews.push(review);
  const { status = 200, body } = webhook.answer(review);
  return { status, headers: {}, body: encoder.encode(JSON.stringify(body)) };
};

/** A new server for each test of the file. */
export function useConversionServer(): void {
  beforeEach(async () => {
    stop = new AbortController();
    ctx = hostCtx(stop.signal, silentLogger);
    store = createMemoryStore();
    webhook.reviews = [];
    webhook.answer = convertAll();
    server = createApiServer(
      {
        store,
        resources: resources as readonly AnyDefinition[],
        authenticator: createAuthenticator({ tokens: [] }),
        authorizer: alwaysAllow,
        metrics: createMetricsRegistry(),
        services: new Map([['httpCaller', caller]]),
      },
      ctx,
    );
    await server.ready(ctx);
    createCustomResources(server, ctx);
  });

  afterEach(() => {
    stop.abort();
    server.close();
  });
}

export async function send(method: string, url: string, body?: object, type = 'application/json') {
  const [path = '', query = ''] = url.split('?');
  const bytes = body === undefined ? {} : { body: encoder.encode(JSON.stringify(body)) };
  return server.handle({ method, path, query, headers: { 'content-type': type }, ...bytes }, ctx);
}

export async function ask(method: string, url: string, body?: object, type?: string) {
  const answered = await send(method, url, body, type);
  assert.ok(answered.body instanceof Uint8Array);
  const text = decoder.decode(answered.body);
  return { status: answered.status, json: (text.startsWith('{') ? JSON.parse(text) : text) as Json };
}

export async function ok(method: string, url: string, body?: object, type?: string): Promise<Json> {
  const answered = await ask(method, url, body, type);
  assert.ok(answered.status < 300, JSON.stringify(answered.json));
  return answered.json;
}

export async function eventually(what: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`waited 5 s until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const text = { type: 'string' };
const subresources = {
  status: {},
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
};
export const replicas = { type: 'object', properties: { replicas: { type: 'integer' }, v1: text, v2: text } };

function version(name: string, storage: boolean, properties: object, more: object = {}): Json {
  const openAPIV3Schema = { type: 'object', properties: { ...properties, spec: replicas, status: replicas } };
  return { name, served: true, storage, schema: { openAPIV3Schema }, subresources, ...more };
}

export function hosts(storage: string, more: object = {}): Json {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'hosts.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'hosts', kind: 'Host' },
      versions: [
        version('v1', storage === 'v1', { hostPort: text }, { selectableFields: [{ jsonPath: '.hostPort' }] }),
        version('v2', storage === 'v2', { host: text, port: text }, { selectableFields: [{ jsonPath: '.host' }] }),
      ],
      conversion: {
        strategy: 'Webhook',
        webhook: { clientConfig: { url: 'https://example.com/crdconvert' }, conversionReviewVersions: ['v1'] },
      },
      ...more,
    },
  };
}

export async function define(definition: Json = hosts('v1')): Promise<void> {
  await ok('POST', CRDS, definition);
  await eventually('it is served', async () => (await ask('GET', at('v1', 'none'))).json.reason === 'NotFound');
}

/** Until a change of the definition has its effect. */
export async function change(patch: object): Promise<void> {
  const generation = server.registry.generation;
  await ok('PATCH', `${CRDS}/hosts.example.com`, patch, 'application/merge-patch+json');
  await eventually('it is served anew', () => server.registry.generation > generation);
}

export const v1 = (name: string, hostPort: string, more: object = {}) => ({
  apiVersion: 'example.com/v1',
  kind: 'Host',
  metadata: { name },
  hostPort,
  ...more,
});
export const v2 = (name: string, host: string, port: string, more: object = {}) => ({
  apiVersion: 'example.com/v2',
  kind: 'Host',
  metadata: { name },
  host,
  port,
  ...more,
});

export async function stored(name: string): Promise<Json> {
  const found = await store.get(`${KEY}${name}`, ctx);
  return JSON.parse(decoder.decode(found?.value));
}
