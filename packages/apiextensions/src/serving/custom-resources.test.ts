/** CustomResourceDefinitions through the API: what is served after one is created, changed, deleted. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  alwaysAllow,
  type ApiServer,
  type AnyDefinition,
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
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';
const decoder = new TextDecoder();

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
type Json = any;

let stop: AbortController;
let ctx: Ctx;
let server: ApiServer;

beforeEach(async () => {
  stop = new AbortController();
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
});

afterEach(() => {
  stop.abort();
  server.close();
});

async function ask(method: string, url: string, body?: object, headers: Record<string, string> = {}) {
  const [path = '', query = ''] = url.split('?');
  const request = {
    method,
    path,
    query,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) }),
  };
  const response = await server.handle(request, ctx);
  assert.ok(response.body instanceof Uint8Array);
  const text = decoder.decode(response.body);
  return {
    status: response.status,
    headers: response.headers,
    json: (text.startsWith('{') ? JSON.parse(text) : text) as Json,
  };
}

async function eventually(what: string, probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`waited 5 s until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1 },
        color: { type: 'string', default: 'blue' },
        replicas: { type: 'integer' },
      },
    },
    status: {
      type: 'object',
      properties: { phase: { type: 'string' }, replicas: { type: 'integer' }, selector: { type: 'string' } },
    },
  },
};

function widgets(version: object = {}, spec: object = {}): Json {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: structuredClone(schema) }, ...version },
      ],
      ...spec,
    },
  };
}

const widget = (name: string, spec: object, more: object = {}) => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name },
  spec,
  ...more,
});

async function define(definition: Json): Promise<Json> {
  const created = await ask('POST', CRDS, definition);
  assert.equal(created.status, 201, JSON.stringify(created.json));
  const { name } = definition.metadata;
  let json: Json;
  await eventually(`${name} is established`, async () => {
    json = (await ask('GET', `${CRDS}/${name}`)).json;
    return json.status?.conditions?.some((c: Json) => c.type === 'Established' && c.status === 'True') ?? false;
  });
  return json;
}

describe('a definition', () => {
  test('says that its names are accepted and that it is established, and then is served', async () => {
    assert.equal((await ask('GET', WIDGETS)).status, 404);
    const { status } = await define(widgets());
    assert.deepEqual(
      status.conditions.map((c: Json) => [c.type, c.status, c.reason]),
      [
        ['NamesAccepted', 'True', 'NoConflicts'],
        ['Established', 'True', 'InitialNamesAccepted'],
      ],
    );
    assert.deepEqual(status.acceptedNames, {
      plural: 'widgets',
      singular: 'widget',
      shortNames: ['wd'],
      kind: 'Widget',
      listKind: 'WidgetList',
    });
    assert.deepEqual(status.storedVersions, ['v1']);
    const list = await ask('GET', WIDGETS);
    assert.equal(list.status, 200);
    assert.deepEqual([list.json.kind, list.json.items], ['WidgetList', []]);
  });

  test('waits for names that another has, and gets them when that one goes', async () => {
    await define(widgets());
    const second = widgets({}, { names: { plural: 'gadgets', kind: 'Widget' } });
    second.metadata.name = 'gadgets.example.com';
    await ask('POST', CRDS, second);
    await eventually('the conflict is told', async () => {
      const { json } = await ask('GET', `${CRDS}/gadgets.example.com`);
      const [names] = json.status?.conditions ?? [];
      return names?.reason === 'ListKindConflict' && names.message === '"WidgetList" is already in use';
    });
    assert.equal((await ask('GET', '/apis/example.com/v1/gadgets')).status, 404);
    await ask('DELETE', `${CRDS}/widgets.example.com`);
    await eventually('the name is free', async () => (await ask('GET', '/apis/example.com/v1/gadgets')).status === 200);
  });

  test('takes its objects with it, and waits for their finalizers', async () => {
    await define(widgets());
    await ask('POST', WIDGETS, widget('plain', { size: 1 }));
    const held = widget('held', { size: 1 });
    await ask('POST', WIDGETS, { ...held, metadata: { name: 'held', finalizers: ['example.com/hold'] } });
    await ask('DELETE', `${CRDS}/widgets.example.com`);
    await eventually('the plain one is gone', async () => (await ask('GET', `${WIDGETS}/plain`)).status === 404);
    const going = (await ask('GET', `${CRDS}/widgets.example.com`)).json;
    assert.deepEqual(going.metadata.finalizers, ['customresourcecleanup.apiextensions.k8s.io']);
    const late = widget('late', { size: 1 });
    const applied = { 'content-type': 'application/apply-patch+yaml' };
    for (const refused of [
      await ask('POST', WIDGETS, late),
      await ask('PATCH', `${WIDGETS}/late?fieldManager=m`, late, applied),
    ]) {
      assert.equal(refused.status, 405);
      assert.equal(refused.json.message, 'create not allowed while custom resource definition is terminating');
    }
    await ask(
      'PATCH',
      `${WIDGETS}/held`,
      { metadata: { finalizers: null } },
      { 'content-type': 'application/merge-patch+json' },
    );
    await eventually('it is gone', async () => (await ask('GET', `${CRDS}/widgets.example.com`)).status === 404);
    assert.equal((await ask('GET', WIDGETS)).status, 404);
  });
});

describe('an object', () => {
  test('is pruned, defaulted and checked as its schema says', async () => {
    await define(widgets());
    const created = await ask('POST', WIDGETS, widget('a', { size: 2, unknown: true }));
    assert.equal(created.status, 201);
    assert.deepEqual(created.json.spec, { size: 2, color: 'blue' });
    const refused = await ask('POST', WIDGETS, widget('b', { size: 0 }));
    assert.equal(refused.status, 422);
    assert.equal(
      refused.json.message,
      'Widget.example.com "b" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1',
    );
    const strict = await ask('POST', `${WIDGETS}?fieldValidation=Strict`, widget('c', { size: 1, unknown: true }));
    assert.equal(strict.status, 400);
    assert.match(strict.json.message, /strict decoding error: unknown field "spec\.unknown"/);
  });

  test('has metadata: a schema may require it and say what names are like', async () => {
    const named = structuredClone(schema) as Json;
    named.required = ['metadata', 'spec'];
    named.properties.metadata = { type: 'object', properties: { name: { type: 'string', maxLength: 5 } } };
    await define(widgets({ schema: { openAPIV3Schema: named } }));
    assert.equal((await ask('POST', WIDGETS, widget('short', { size: 1 }))).status, 201);
    const { status, json } = await ask('POST', WIDGETS, widget('too-long', { size: 1 }));
    assert.equal(status, 422);
    assert.match(json.message, /metadata\.name: Too long: may not be more than 5 bytes/);
  });

  test('is applied, and conflicts name the other manager', async () => {
    await define(widgets());
    const apply = (manager: string, size: number) =>
      ask('PATCH', `${WIDGETS}/a?fieldManager=${manager}`, widget('a', { size }), {
        'content-type': 'application/apply-patch+yaml',
      });
    assert.equal((await apply('one', 1)).status, 201);
    const conflict = await apply('two', 2);
    assert.equal(conflict.status, 409);
    assert.match(conflict.json.message, /conflict with "one": \.spec\.size/);
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
    assert.equal((await ask('PATCH', `${WIDGETS}/a`, {}, strategic)).status, 415);
  });

  test('is not made, and not all are deleted, without a namespace', async () => {
    await define(widgets());
    const everywhere = '/apis/example.com/v1/widgets';
    assert.equal((await ask('GET', everywhere)).status, 200);
    for (const method of ['POST', 'DELETE']) {
      const { status, json } = await ask(method, everywhere, widget('a', { size: 1 }));
      assert.deepEqual([status, json.reason], [404, 'NotFound'], method);
    }
  });

  test('has its status checked alone, in words of the status', async () => {
    await define(widgets({ subresources: { status: {} } }));
    const { json } = await ask('POST', WIDGETS, widget('a', { size: 1 }));
    const bad = await ask('PUT', `${WIDGETS}/a/status`, { ...json, status: { replicas: 'x' } });
    assert.match(
      bad.json.message,
      /status\.replicas: Invalid value: "string": replicas in body must be of type integer/,
    );
  });

  test('has a generation that grows with all but metadata and status', async () => {
    await define(widgets({ subresources: { status: {} } }));
    const { json } = await ask('POST', WIDGETS, widget('a', { size: 1 }, { status: { phase: 'x' } }));
    assert.deepEqual([json.metadata.generation, json.status], [1, undefined]);
    const bigger = await ask('PUT', `${WIDGETS}/a`, { ...json, spec: { size: 2 } });
    assert.equal(bigger.json.metadata.generation, 2);
    const told = await ask('PUT', `${WIDGETS}/a/status`, {
      ...bigger.json,
      spec: { size: 9 },
      status: { phase: 'Up' },
    });
    assert.deepEqual([told.json.metadata.generation, told.json.spec.size, told.json.status], [2, 2, { phase: 'Up' }]);
  });

  test('a list that a newer schema calls wrong may stay wrong, and no good one may become so', async () => {
    const withTags = (listType: string) => {
      const open = structuredClone(schema) as Json;
      open.properties.spec.properties.tags = {
        type: 'array',
        items: { type: 'string' },
        'x-kubernetes-list-type': listType,
      };
      return { schema: { openAPIV3Schema: open } };
    };
    const definition = await define(widgets(withTags('atomic')));
    const { json } = await ask('POST', WIDGETS, widget('a', { size: 1, tags: ['x', 'x'] }));
    await ask('POST', WIDGETS, widget('b', { size: 1, tags: ['x'] }));
    const [version] = definition.spec.versions;
    const spec = { versions: [{ ...version, ...withTags('set') }] };
    await ask('PATCH', `${CRDS}/widgets.example.com`, { spec }, { 'content-type': 'application/merge-patch+json' });
    const merge = { 'content-type': 'application/merge-patch+json' };
    const wrong = () => ask('PATCH', `${WIDGETS}/b`, { spec: { tags: ['y', 'y'] } }, merge);
    await eventually('the new schema counts', async () => (await wrong()).status === 422);
    const kept = await ask('PATCH', `${WIDGETS}/a`, { spec: { size: 2 } }, merge);
    assert.deepEqual([kept.status, kept.json?.spec?.size, json.spec.tags], [200, 2, ['x', 'x']]);
  });

  test('a status that breaks the schema is refused, whatever the spec in the request', async () => {
    await define(widgets({ subresources: { status: {} } }));
    const { json } = await ask('POST', WIDGETS, widget('a', { size: 1 }));
    const bad = await ask('PUT', `${WIDGETS}/a/status`, { ...json, status: { phase: 7 } });
    assert.equal(bad.status, 422);
    assert.match(bad.json.message, /status\.phase: Invalid value: "integer"/);
    const good = await ask('PUT', `${WIDGETS}/a/status`, { ...json, spec: { size: -1 }, status: { phase: 'Up' } });
    assert.deepEqual([good.status, good.json.spec.size], [200, 1]);
  });

  test('scales by the paths that its definition names', async () => {
    const scale = {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    };
    await define(widgets({ subresources: { status: {}, scale } }));
    await ask('POST', WIDGETS, widget('a', { size: 1, replicas: 3 }));
    const { json } = await ask('GET', `${WIDGETS}/a/scale`);
    assert.deepEqual([json.kind, json.apiVersion, json.spec], ['Scale', 'autoscaling/v1', { replicas: 3 }]);
    const patched = await ask(
      'PATCH',
      `${WIDGETS}/a/scale`,
      { spec: { replicas: 5 } },
      { 'content-type': 'application/merge-patch+json' },
    );
    assert.equal(patched.json.spec.replicas, 5);
    assert.equal((await ask('GET', `${WIDGETS}/a`)).json.spec.replicas, 5);
  });

  test('prints the columns of its definition, or its age', async () => {
    const additionalPrinterColumns = [
      { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'Color', type: 'string', priority: 1, jsonPath: '.spec.color' },
    ];
    const conditions = { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const withConditions = {
      ...schema,
      properties: { ...schema.properties, status: { type: 'object', properties: { conditions } } },
    };
    await define(widgets({ additionalPrinterColumns, schema: { openAPIV3Schema: withConditions } }));
    const status = {
      conditions: [
        { type: 'Other', status: 'No' },
        { type: 'Ready', status: 'True' },
      ],
    };
    await ask('POST', WIDGETS, widget('a', { size: 7 }, { status }));
    const { json } = await ask('GET', WIDGETS, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    assert.deepEqual(
      json.columnDefinitions.map((c: Json) => [c.name, c.type, c.priority]),
      [
        ['Name', 'string', 0],
        ['Size', 'integer', 0],
        ['Ready', 'string', 0],
        ['Color', 'string', 1],
      ],
    );
    assert.deepEqual(json.rows[0].cells, ['a', 7, 'True', 'blue']);
  });

  test('is selected by the fields that its definition names', async () => {
    await define(widgets({ selectableFields: [{ jsonPath: '.spec.color' }] }));
    for (const color of ['red', 'green']) await ask('POST', WIDGETS, widget(color, { size: 1, color }));
    const { json } = await ask('GET', `${WIDGETS}?fieldSelector=spec.color%3Dred`);
    assert.deepEqual(
      json.items.map((item: Json) => item.metadata.name),
      ['red'],
    );
    assert.equal((await ask('GET', `${WIDGETS}?fieldSelector=spec.size%3D1`)).status, 400);
  });
});

describe('several versions', () => {
  const v2 = { name: 'v2', served: true, storage: false, schema: { openAPIV3Schema: schema } };
  const v1 = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } };
  const inV2 = WIDGETS.replace('/v1/', '/v2/');

  test('show the same object, each under its own name', async () => {
    await define(widgets({}, { versions: [v1, { ...v2, deprecated: true }] }));
    await ask('POST', WIDGETS, widget('a', { size: 1 }));
    const shown = await ask('GET', `${inV2}/a`);
    assert.deepEqual([shown.json.apiVersion, shown.json.spec.size], ['example.com/v2', 1]);
    assert.deepEqual(shown.headers['warning'], ['299 - "example.com/v2 Widget is deprecated"']);
    const put = await ask('PUT', `${inV2}/a`, { ...shown.json, spec: { size: 2 } });
    assert.deepEqual([put.status, put.json.apiVersion], [200, 'example.com/v2']);
    assert.equal((await ask('GET', `${WIDGETS}/a`)).json.spec.size, 2);
  });

  test('a deprecated version names the newest of those that are not', async () => {
    await define(widgets({}, { versions: [{ ...v1, deprecated: true }, v2] }));
    const shown = await ask('GET', WIDGETS);
    const text = 'example.com/v1 Widget is deprecated; use example.com/v2 Widget';
    assert.deepEqual(shown.headers['warning'], [`299 - "${text}"`]);
  });

  test('a change of the storage version leaves old objects readable and is remembered', async () => {
    const definition = await define(widgets({}, { versions: [v1, v2] }));
    await ask('POST', WIDGETS, widget('old', { size: 1 }));
    const versions = [
      { ...v1, storage: false },
      { ...v2, storage: true },
    ];
    const changed = await ask('PUT', `${CRDS}/widgets.example.com`, {
      ...definition,
      spec: { ...definition.spec, versions },
    });
    assert.equal(changed.status, 200, JSON.stringify(changed.json));
    await eventually('both versions are remembered', async () => {
      const { json } = await ask('GET', `${CRDS}/widgets.example.com`);
      return json.status.storedVersions.join() === 'v1,v2';
    });
    for (const path of [WIDGETS, inV2]) {
      const { json } = await ask('GET', `${path}/old`);
      assert.deepEqual([json.apiVersion, json.spec.size], [path === inV2 ? 'example.com/v2' : 'example.com/v1', 1]);
      const list = (await ask('GET', path)).json;
      assert.equal(list.items[0].apiVersion, path === inV2 ? 'example.com/v2' : 'example.com/v1');
    }
  });

  test('a new default shows in objects that were stored before it', async () => {
    const definition = await define(widgets());
    await ask('POST', WIDGETS, widget('old', { size: 1 }));
    const next = structuredClone(definition);
    next.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.shape = {
      type: 'string',
      default: 'round',
    };
    delete next.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.color;
    assert.equal((await ask('PUT', `${CRDS}/widgets.example.com`, next)).status, 200);
    assert.deepEqual((await ask('GET', `${WIDGETS}/old`)).json.spec, { size: 1, shape: 'round' });
  });
});

describe('bad definitions', () => {
  const refused = async (change: (definition: Json) => void): Promise<string> => {
    const definition = widgets();
    change(definition);
    const { status, json } = await ask('POST', CRDS, definition);
    assert.equal(status, 422, JSON.stringify(json));
    return json.message;
  };
  const root = (definition: Json) => definition.spec.versions[0].schema.openAPIV3Schema;

  test('are refused with the place and the reason', async () => {
    const table: readonly (readonly [change: (definition: Json) => void, message: RegExp])[] = [
      [
        (d) => (d.spec.group = 'nodot'),
        /spec\.group: Invalid value: "nodot": should be a domain with at least one dot/,
      ],
      [
        (d) => (d.spec.scope = 'Planet'),
        /spec\.scope: Unsupported value: "Planet": supported values: "Cluster", "Namespaced"/,
      ],
      [(d) => (d.spec.versions[0].storage = false), /must have exactly one version marked as storage version/],
      [(d) => delete d.spec.versions[0].schema, /spec\.versions\[0\]\.schema\.openAPIV3Schema: Required value/],
      [(d) => delete root(d).type, /openAPIV3Schema\.type: Required value: must not be empty at the root/],
      [
        (d) => (root(d).properties.spec.properties.x = {}),
        /properties\[x\]\.type: Required value: must not be empty for specified object fields/,
      ],
      [
        (d) => (root(d).properties.spec.properties.size.default = 'no'),
        /default: Invalid value: "string": .* must be of type integer/,
      ],
      [
        (d) => (root(d).properties.spec['x-kubernetes-validations'] = [{ rule: 'self.nothing > 1' }]),
        /x-kubernetes-validations\[0\]\.rule: Invalid value: .*compilation failed: ERROR: <input>:1:5: undefined field 'nothing'/,
      ],
      [
        (d) => (root(d).properties.spec['x-kubernetes-validations'] = [{ rule: 'self.size' }]),
        /cel expression must evaluate to a bool/,
      ],
    ];
    for (const [change, message] of table) assert.match(await refused(change), message);
  });

  test('what cannot change stays', async () => {
    const definition = await define(widgets());
    const next = { ...definition, spec: { ...definition.spec, scope: 'Cluster' } };
    const { status, json } = await ask('PUT', `${CRDS}/widgets.example.com`, next);
    assert.equal(status, 422);
    assert.match(json.message, /spec\.scope: Invalid value: "Cluster": field is immutable/);
  });

  test('rules hold for objects', async () => {
    const definition = widgets();
    root(definition).properties.spec['x-kubernetes-validations'] = [
      { rule: 'self.size <= 5', message: 'at most five' },
    ];
    await define(definition);
    const { json } = await ask('POST', WIDGETS, widget('a', { size: 6 }));
    assert.equal(json.message, 'Widget.example.com "a" is invalid: spec: Invalid value: at most five');
    const text = await ask('POST', WIDGETS, widget('a', { size: 'x' }));
    assert.match(text.json.message, /<nil>: Invalid value: null: some validation rules were not checked because/);
    assert.equal((await ask('POST', WIDGETS, widget('a', { size: 5 }))).status, 201);
  });
});
