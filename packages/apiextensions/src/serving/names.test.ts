/** Which of several definitions gets a name, and what groups of Kubernetes itself ask. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  alwaysAllow,
  type AnyDefinition,
  type ApiServer,
  createApiServer,
  createAuthenticator,
  createMetricsRegistry,
} from '@kapella/apiserver';
import { type Ctx, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { resources } from '@kapella/resources';
import { createMemoryStore } from '@kapella/store';
import { createCustomResources } from './custom-resources.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const APPROVED = 'api-approved.kubernetes.io';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
type Json = any;

let stop: AbortController;
let ctx: Ctx;
let server: ApiServer;

beforeEach(async () => {
  stop = new AbortController();
  ctx = hostCtx(stop.signal, silentLogger);
  const parts = {
    store: createMemoryStore(),
    resources: resources as readonly AnyDefinition[],
    authenticator: createAuthenticator({ tokens: [] }),
    authorizer: alwaysAllow,
    metrics: createMetricsRegistry(),
  };
  server = createApiServer(parts, ctx);
  await server.ready(ctx);
  createCustomResources(server, ctx);
});

afterEach(() => {
  stop.abort();
  server.close();
});

async function ask(method: string, path: string, body?: object, type = 'application/json') {
  const request = {
    method,
    path,
    query: '',
    headers: { 'content-type': type },
    ...(body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) }),
  };
  const response = await server.handle(request, ctx);
  assert.ok(response.body instanceof Uint8Array);
  return { status: response.status, json: JSON.parse(new TextDecoder().decode(response.body)) as Json };
}

function definition(plural: string, kind: string, shortNames: string[] = [], group = 'example.com'): Json {
  const schema = { openAPIV3Schema: { type: 'object' } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind, shortNames },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}

const create = (body: Json) => ask('POST', CRDS, body);
const patch = (name: string, body: object) => ask('PATCH', `${CRDS}/${name}`, body, 'application/merge-patch+json');

/** Waits until the condition says so. */
async function condition(name: string, type: string, reason: string): Promise<Json> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const { json } = await ask('GET', `${CRDS}/${name}`);
    const found = json.status?.conditions?.find((one: Json) => one.type === type);
    if (found?.reason === reason) return found;
    if (performance.now() > deadline) throw new Error(`${name}: ${JSON.stringify(json.status)} instead of ${reason}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('names', () => {
  test('of two definitions made at once go to one', async () => {
    await Promise.all([create(definition('cats', 'Pet')), create(definition('dogs', 'Pet'))]);
    const names = ['cats.example.com', 'dogs.example.com'];
    const reasons = async () => {
      const all = await Promise.all(names.map((name) => ask('GET', `${CRDS}/${name}`)));
      return all.map(({ json }) => json.status?.conditions?.[0]?.reason as string | undefined);
    };
    const deadline = performance.now() + 5_000;
    while ((await reasons()).includes(undefined) && performance.now() < deadline) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual((await reasons()).toSorted(), ['ListKindConflict', 'NoConflicts']);
  });

  test('that a definition gives up go to one that waits for them', async () => {
    await create(definition('cats', 'Cat', ['c', 'k']));
    await condition('cats.example.com', 'NamesAccepted', 'NoConflicts');
    await create(definition('cars', 'Car', ['c', 'k', 'v']));
    const refused = await condition('cars.example.com', 'NamesAccepted', 'ShortNamesConflict');
    assert.equal(refused.message, '["c" is already in use, "k" is already in use]');
    const waits = (await ask('GET', `${CRDS}/cars.example.com`)).json.status;
    assert.deepEqual(waits.acceptedNames, { plural: 'cars', singular: 'car', kind: 'Car', listKind: 'CarList' });
    await patch('cats.example.com', { spec: { names: { shortNames: ['k'] } } });
    const message = async () => (await condition('cars.example.com', 'NamesAccepted', 'ShortNamesConflict')).message;
    while ((await message()) !== '"k" is already in use') await new Promise((resolve) => setImmediate(resolve));
    await patch('cats.example.com', { spec: { names: { shortNames: [] } } });
    await condition('cars.example.com', 'NamesAccepted', 'NoConflicts');
    await condition('cars.example.com', 'Established', 'InitialNamesAccepted');
  });

  test('of an established definition stay while new ones are refused', async () => {
    await create(definition('cats', 'Cat', ['c']));
    await create(definition('dogs', 'Dog', ['d']));
    await condition('dogs.example.com', 'NamesAccepted', 'NoConflicts');
    await patch('dogs.example.com', { spec: { names: { shortNames: ['c'], categories: ['pets'] } } });
    await condition('dogs.example.com', 'NamesAccepted', 'ShortNamesConflict');
    const { status } = (await ask('GET', `${CRDS}/dogs.example.com`)).json;
    assert.deepEqual([status.acceptedNames.shortNames, status.acceptedNames.categories], [['d'], ['pets']]);
    assert.equal((await ask('GET', '/apis/example.com/v1/dogs')).status, 200);
  });
});

describe('a group of Kubernetes itself', () => {
  const name = 'cats.pets.k8s.io';
  const type = 'KubernetesAPIApprovalPolicyConformant';
  const cats = (approved?: string) => {
    const made = definition('cats', 'Cat', [], 'pets.k8s.io');
    return approved === undefined ? made : { ...made, metadata: { name, annotations: { [APPROVED]: approved } } };
  };
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111';
  const must = `protected groups must have approval annotation "${APPROVED}"`;
  const wrong = `${must} with either a URL or a reason starting with "unapproved", ${see}`;

  test('refuses what nobody approved', async () => {
    const refused = (text: string) =>
      `CustomResourceDefinition.apiextensions.k8s.io "${name}" is invalid: metadata.annotations[${APPROVED}]: ${text}`;
    const missing = await create(cats());
    assert.deepEqual([missing.status, missing.json.message], [422, refused(`Required value: ${must}, ${see}`)]);
    for (const value of ['bad value', '/only/a/path', 'https:///no-host']) {
      const invalid = await create(cats(value));
      assert.equal(invalid.json.message, refused(`Invalid value: ${JSON.stringify(value)}: ${wrong}`));
    }
  });

  test('has a condition that says who approved', async () => {
    await create(cats('unapproved, it is a test'));
    const un = await condition(name, type, 'UnapprovedAnnotation');
    assert.deepEqual([un.status, un.message], ['False', 'not approved: "unapproved, it is a test"']);
    const url = 'https://github.com/kubernetes/kubernetes/pull/78458';
    await patch(name, { metadata: { annotations: { [APPROVED]: url } } });
    const approved = await condition(name, type, 'ApprovedAnnotation');
    assert.deepEqual([approved.status, approved.message], ['True', `approved in ${url}`]);
    assert.equal((await patch(name, { metadata: { annotations: { [APPROVED]: null } } })).status, 422);
  });
});

test('a definition whose conversion cannot trust anyone is not established until its bundle is mended', async () => {
  const webhook = {
    conversionReviewVersions: ['v1'],
    clientConfig: { caBundle: 'Cg==', service: { namespace: 'default', name: 'hook' } },
  };
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }];
  const spec = {
    ...{ group: 'ca.example.com', scope: 'Namespaced', versions },
    names: { plural: 'foos', kind: 'Foo' },
    conversion: { strategy: 'Webhook', webhook },
  };
  const name = 'foos.ca.example.com';
  assert.equal((await ask('POST', CRDS, { metadata: { name }, spec })).status, 201);
  const established = async (expected: string) => {
    for (;;) {
      const { json } = await ask('GET', `${CRDS}/${name}`);
      const found = json.status?.conditions?.find(({ type }: Json) => type === 'Established');
      if (found?.status === expected) return found;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const refused = await established('False');
  assert.equal(refused.reason, 'InvalidCABundle');
  assert.equal(refused.message, 'The conversion webhook CABundle is invalid');
  const mended = { spec: { conversion: { webhook: { clientConfig: { caBundle: null } } } } };
  await ask('PATCH', `${CRDS}/${name}`, mended, 'application/merge-patch+json');
  assert.equal((await established('True')).reason, 'InitialNamesAccepted');
});
