/** APIServices of what this server serves itself, through the API. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { apiextensionsV1, apiregistrationV1 } from '@kapella/api';
import type { APIService } from '@kapella/api/types/apiregistration-v1';
import {
  alwaysAllow,
  type AnyDefinition,
  type ApiServer,
  createApiServer,
  createAuthenticator,
  createMetricsRegistry,
} from '@kapella/apiserver';
import { type Ctx, isReason, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { resources } from '@kapella/resources';
import { createMemoryStore } from '@kapella/store';
import { startAutoRegister } from './autoregister.ts';

const KIND = apiregistrationV1.APIService;
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
  startAutoRegister(server, ctx);
});

afterEach(() => {
  stop.abort();
  server.close();
});

const get = (name: string) => server.access.get(KIND, '', name);

async function eventually(what: string, probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`waited 5 s until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const definition = (versions: Readonly<Record<string, boolean>>) => ({
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: Object.entries(versions).map(([name, served], i) => ({
      name,
      served,
      storage: i === 0,
      schema: { openAPIV3Schema: { type: 'object' } },
    })),
  },
});

test('built-in groups have upstream names and priorities, and are available at once', async () => {
  await eventually('they are there', async () => (await get('v1.policy')) !== undefined);
  const rows: readonly (readonly [string, number, number])[] = [
    ['v1.', 18_000, 1],
    ['v1.apps', 17_800, 15],
    ['v1.autoscaling', 17_500, 15],
    ['v2.autoscaling', 17_500, 30],
    ['v1.resource.k8s.io', 16_200, 21],
    ['v1.flowcontrol.apiserver.k8s.io', 16_100, 21],
  ];
  for (const [name, group, version] of rows) {
    await eventually(`${name} is there`, async () => (await get(name)) !== undefined);
    const found = await get(name);
    assert.deepEqual([found?.spec.groupPriorityMinimum, found?.spec.versionPriority], [group, version], name);
    assert.equal(found?.metadata.labels?.['kube-aggregator.kubernetes.io/automanaged'], 'onstart');
    assert.deepEqual(
      found?.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
      [['Available', 'True', 'Local']],
    );
  }
  assert.equal(await get('v1.apiregistration.k8s.io'), undefined);
});

test('versions of custom resources come and go with what is served', async () => {
  await server.access.create(
    apiextensionsV1.CustomResourceDefinition,
    definition({ v1: true, v2: false }) as never,
    ctx,
  );
  await eventually('v1 is there', async () => (await get('v1.example.com')) !== undefined);
  const found = await get('v1.example.com');
  assert.deepEqual([found?.spec.groupPriorityMinimum, found?.spec.versionPriority], [1_000, 100]);
  assert.equal(found?.metadata.labels?.['kube-aggregator.kubernetes.io/automanaged'], 'true');
  assert.equal(await get('v2.example.com'), undefined);

  await server.access.delete(KIND, '', 'v1.example.com', {}, ctx);
  await eventually('it is back', async () => (await get('v1.example.com')) !== undefined);

  const kind = apiextensionsV1.CustomResourceDefinition;
  const next = definition({ v1: false, v2: true });
  await server.access.update(kind, '', 'widgets.example.com', (old) => ({ ...old, spec: next.spec }) as never, ctx);
  await eventually('v2 is there', async () => (await get('v2.example.com')) !== undefined);
  await eventually('v1 is gone', async () => (await get('v1.example.com')) === undefined);
});

test('one that somebody took over is let alone', async () => {
  const own = {
    metadata: { name: 'v1.example.com' },
    spec: spec({ service: { namespace: 'a', name: 'b', port: 443 } }),
  };
  await server.access.create(KIND, own as unknown as APIService, ctx);
  await server.access.create(
    apiextensionsV1.CustomResourceDefinition,
    definition({ v1: true, v2: true }) as never,
    ctx,
  );
  await eventually('v2 is there', async () => (await get('v2.example.com')) !== undefined);
  assert.equal((await get('v1.example.com'))?.spec.service?.name, 'b');
});

const spec = (more: object) => ({
  ...{ group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10 },
  ...more,
});

const REFUSED: readonly (readonly [string, object, string])[] = [
  ['other', {}, 'metadata.name: Invalid value: "other": must be `spec.version+"."+spec.group`: "v1.example.com"'],
  ['v1.example.com', { groupPriorityMinimum: 0 }, 'must be positive and less than 20000'],
  ['v1.example.com', { versionPriority: 1001 }, 'must be positive and less than 1000'],
  ['v1.example.com', { caBundle: 'AAAA' }, 'Invalid value: "3 bytes": local APIServices may not have a caBundle'],
  ['v1.example.com', { service: { name: 'b', port: 443 } }, 'spec.service.namespace: Required value'],
  ['v2.', { group: undefined, version: 'v2' }, 'only v1 may have an empty group and it better be legacy kube'],
];
for (const [name, more, words] of REFUSED) {
  test(`refused: ${words}`, async () => {
    const object = { metadata: { name }, spec: spec(more) } as unknown as APIService;
    await assert.rejects(server.access.create(KIND, object, ctx), (error: Error) => {
      assert.ok(isReason(error, 'Invalid'));
      assert.ok(error.message.includes(words), error.message);
      return true;
    });
  });
}
