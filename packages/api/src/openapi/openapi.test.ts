/** OpenAPI and discovery documents: what kubectl reads in them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createResourceFacts, createTypeFacts } from '../facts/index.ts';
import type { OpenApiResource } from './index.ts';
import {
  aggregatedDiscoveryDocument,
  apiGroupListDocument,
  apiResourceListDocument,
  buildOpenApiV2,
  buildOpenApiV3,
  buildOpenApiV3Root,
  compareVersions,
  createDescriptions,
  groupResources,
} from './index.ts';

type Tree = { readonly [key: string]: Tree };

const facts = createTypeFacts();
const resources = createResourceFacts();
const appsV1 = buildOpenApiV3({ group: 'apps', version: 'v1' }, resources, { facts }) as Tree;
const schemas = appsV1['components']?.['schemas'] as Tree;

const cronTab: OpenApiResource = {
  group: 'stable.example.com',
  version: 'v1',
  kind: 'CronTab',
  plural: 'crontabs',
  namespaced: true,
  singular: 'crontab',
  shortNames: ['ct'],
  categories: [],
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  storageVersionHash: '',
  returnsDeleted: false,
  subresources: [
    { name: 'status', group: 'stable.example.com', version: 'v1', kind: 'CronTab', verbs: ['get', 'patch', 'update'] },
  ],
  schema: { type: 'object', properties: { spec: { type: 'object', properties: { cron: { type: 'string' } } } } },
};

test('schemas carry what strategic merge and apply need', () => {
  const containers = schemas['io.k8s.api.core.v1.PodSpec']?.['properties']?.['containers'];
  assert.equal(containers?.['x-kubernetes-patch-merge-key'], 'name');
  assert.equal(containers?.['x-kubernetes-patch-strategy'], 'merge');
  assert.deepEqual(containers?.['x-kubernetes-list-map-keys'], ['name']);
  assert.deepEqual(schemas['io.k8s.api.core.v1.PodSpec']?.['properties']?.['restartPolicy'], {
    type: 'string',
    enum: ['Always', 'Never', 'OnFailure'],
  });
});

test('every reference is to a schema in the document', () => {
  const v2 = buildOpenApiV2([...resources, cronTab], { facts });
  for (const document of [appsV1, v2 as Tree]) {
    const known = document['definitions'] ?? document['components']?.['schemas'] ?? {};
    for (const [, reference] of JSON.stringify(document).matchAll(
      /"\$ref":"#\/(?:definitions|components\/schemas)\/([^"]+)"/g,
    )) {
      assert.ok(known[reference as string], reference);
    }
  }
});

test('kubectl finds that the server validates fields: on the patch of every kind', () => {
  const patch = appsV1['paths']?.['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']?.['patch'];
  assert.deepEqual(patch?.['x-kubernetes-group-version-kind'], { group: 'apps', kind: 'Deployment', version: 'v1' });
  const parameters = patch?.['parameters'] as unknown as readonly { readonly name: string }[];
  assert.ok(parameters.some(({ name }) => name === 'fieldValidation'));
});

test('descriptions are shown where there are any', () => {
  const descriptions = createDescriptions({
    'apps/v1.DeploymentSpec': { '': 'about the type', selector: 'about selector' },
  });
  assert.equal(descriptions.describe('apps/v1.DeploymentSpec', 'constructor'), undefined);
  const document = buildOpenApiV3({ group: 'apps', version: 'v1' }, resources, { facts, descriptions }) as Tree;
  const spec = document['components']?.['schemas']?.['io.k8s.api.apps.v1.DeploymentSpec'];
  assert.equal(spec?.['description'], 'about the type');
  assert.deepEqual(spec?.['properties']?.['selector'], {
    allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector' }],
    description: 'about selector',
  });
});

test('a custom resource has its schema, its list and its paths', () => {
  const document = buildOpenApiV3(cronTab, [...resources, cronTab], { facts }) as Tree;
  const schema = document['components']?.['schemas']?.['com.example.stable.v1.CronTab'];
  assert.deepEqual(schema?.['x-kubernetes-group-version-kind'], [
    { group: 'stable.example.com', kind: 'CronTab', version: 'v1' },
  ]);
  assert.deepEqual(Object.keys(schema?.['properties'] ?? {}), ['spec', 'apiVersion', 'kind', 'metadata']);
  assert.ok(document['components']?.['schemas']?.['com.example.stable.v1.CronTabList']);
  const path = '/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}';
  assert.ok(document['paths']?.[`${path}/status`]?.['patch']);
  // kubectl apply sends a strategic merge patch to whatever says that it takes one.
  assert.deepEqual(Object.keys(document['paths']?.[path]?.['patch']?.['requestBody']?.['content'] ?? {}), [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/apply-patch+yaml',
  ]);
});

test('the root of v3 names the documents', () => {
  const root = buildOpenApiV3Root([
    { group: '', version: 'v1', hash: 'A' },
    { group: 'apps', version: 'v1', hash: 'B' },
  ]);
  assert.deepEqual(root, {
    paths: {
      'api/v1': { serverRelativeURL: '/openapi/v3/api/v1?hash=A' },
      'apis/apps/v1': { serverRelativeURL: '/openapi/v3/apis/apps/v1?hash=B' },
    },
  });
});

test("versions are in Kubernetes' order", () => {
  const versions = [
    'foo1',
    'v1alpha1',
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v3beta1',
    'v12alpha1',
    'foo10',
    'v11alpha2',
    'v10beta3',
  ];
  assert.deepEqual(
    versions.toSorted((a, b) => compareVersions(b, a)),
    ['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'v11alpha2', 'v1alpha1', 'foo1', 'foo10'],
  );
});

test('groups and versions come in the order of their priorities, equal ones by name and by version', () => {
  const of = (group: string, version: string) => ({ ...cronTab, group, version });
  const rows = [
    of('b', 'v1'),
    of('a', 'v1'),
    of('late', 'v1'),
    of('first', 'v1alpha1'),
    of('first', 'v1'),
    of('b', 'v2'),
  ];
  const groups = groupResources(rows, (group, version) => ({
    groupPriorityMinimum: group === 'first' ? 2_000 : group === 'late' ? 100 : 1_000,
    versionPriority: version === 'v1alpha1' ? 200 : 100,
  }));
  assert.deepEqual(
    groups.map(({ group, versions }) => [group, ...versions.map(({ version }) => version)]),
    [
      ['first', 'v1alpha1', 'v1'],
      ['a', 'v1'],
      ['b', 'v2', 'v1'],
      ['late', 'v1'],
    ],
  );
});

test('discovery lists groups in order, preferred version first', () => {
  const groups = groupResources([cronTab, ...resources]);
  assert.equal(groups[0]?.group, '');
  assert.equal(groups.at(-1)?.group, 'stable.example.com');
  const list = (apiGroupListDocument(groups) as Tree)['groups'] as unknown as readonly Tree[];
  const autoscaling = list.find((g) => String(g['name']) === 'autoscaling');
  assert.deepEqual(autoscaling?.['preferredVersion'], { groupVersion: 'autoscaling/v2', version: 'v2' });
  const core = apiResourceListDocument({ group: '', version: 'v1' }, resources)['resources'] as readonly {
    readonly name: string;
  }[];
  assert.ok(core.some(({ name }) => name === 'pods/exec'));
  const [first] = (aggregatedDiscoveryDocument(groups.slice(0, 1)) as Tree)['items'] as unknown as readonly Tree[];
  assert.deepEqual(first?.['metadata'], {});
});
