/** The documents against upstream's published ones, where the Go module cache has them. Descriptions are left out. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createResourceFacts, createTypeFacts } from '../../packages/api/src/facts/index.ts';
import {
  aggregatedDiscoveryDocument,
  apiGroupDocument,
  apiResourceListDocument,
  buildOpenApiV2,
  buildOpenApiV3,
  groupResources,
} from '../../packages/api/src/openapi/index.ts';
import { KUBERNETES_VERSION } from './sources.ts';

type Tree = { readonly [key: string]: Tree };

const kubernetes = join(findModules(), `k8s.io/kubernetes@${KUBERNETES_VERSION}`);
if (!existsSync(kubernetes))
  throw new Error('the Go modules of Kubernetes are not in the module cache: npm test -- facts fetches them');
const facts = createTypeFacts();
const resources = createResourceFacts();
const groupVersions = [
  ...new Map(resources.map(({ group, version }) => [`${group}/${version}`, { group, version }])).values(),
];

function findModules(): string {
  try {
    return execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).trim();
  } catch {
    return '/nonexistent';
  }
}

function read(path: string): Tree {
  return JSON.parse(readFileSync(join(kubernetes, 'api', path), 'utf8')) as Tree;
}

/**
 * What the comparison is about: no prose, no CBOR, no enums (upstream publishes its files without), references without
 * the wrapper that a description needs.
 */
function comparable(value: unknown, inProperties = false): unknown {
  if (Array.isArray(value)) return value.map((v) => comparable(v));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, child]): [string, unknown][] => {
    if (inProperties) return [[key, comparable(child)]];
    if (key === 'description' && typeof child === 'string') return [];
    if (key === 'enum' || /^application\/.*cbor/.test(key)) return [];
    if (key === 'allOf' && (child as unknown[]).length === 1) return [['$ref', (child as { $ref: string }[])[0]?.$ref]];
    return [[key, comparable(child, key === 'properties')]];
  });
  return Object.fromEntries(entries);
}

for (const { group, version } of groupVersions) {
  const name = group === '' ? `api__${version}` : `apis__${group}__${version}`;
  test(`OpenAPI v3 of ${name}`, () => {
    const upstream = comparable(read(`openapi-spec/v3/${name}_openapi.json`)) as Tree;
    const own = comparable(buildOpenApiV3({ group, version }, resources, { facts })) as Tree;
    compareKeys(own['components']?.['schemas'], upstream['components']?.['schemas'], 'schemas');
    compareKeys(own['paths'], upstream['paths'], 'paths', comparePaths);
  });

  test(`discovery of ${name}`, () => {
    assert.deepEqual(apiResourceListDocument({ group, version }, resources), read(`discovery/${name}.json`));
  });
}

type Compare = (own: unknown, upstream: unknown, message: string) => void;

function same(own: unknown, upstream: unknown, message: string): void {
  assert.deepEqual(own, upstream, message);
}

function compareKeys(own: Tree | undefined, upstream: Tree | undefined, what: string, compare: Compare = same): void {
  assert.deepEqual(Object.keys(own ?? {}).sort(), Object.keys(upstream ?? {}).sort(), what);
  for (const [key, value] of Object.entries(own ?? {})) compare(value, upstream?.[key], `${what} ${key}`);
}

/** Operations by what identifies them, and by their parameters, body and answers. */
function comparePaths(own: unknown, upstream: unknown, message: string): void {
  assert.deepEqual(summary(own as Tree), summary(upstream as Tree), message);
}

function summary(path: Tree): unknown {
  const shared = names(path['parameters']);
  const rows = Object.entries(path)
    .filter(([method]) => method !== 'parameters')
    .map(([method, operation]) => [
      method,
      {
        id: operation['operationId'],
        action: operation['x-kubernetes-action'],
        kind: operation['x-kubernetes-group-version-kind'],
        parameters: [...new Set([...shared, ...names(operation['parameters'])])].sort(),
        body: operation['requestBody'],
        responses: operation['responses'],
      },
    ]);
  return Object.fromEntries(rows) as unknown;
}

function names(parameters: Tree | undefined): string[] {
  const list = (parameters ?? []) as unknown as readonly { readonly name: string; readonly in: string }[];
  return list.map((p) => `${p.in} ${p.name}`);
}

test("OpenAPI v2 has upstream's definitions and paths", () => {
  const upstream = comparable(read('openapi-spec/swagger.json')) as Tree;
  const own = comparable(buildOpenApiV2(resources, { facts })) as Tree;
  for (const [name, definition] of Object.entries(own['definitions'] ?? {})) {
    const expected = upstream['definitions']?.[name];
    assert.deepEqual(withoutKinds(definition), withoutKinds(expected), name);
  }
  for (const path of Object.keys(own['paths'] ?? {})) assert.ok(upstream['paths']?.[path], path);
});

/** Upstream's file has alpha and beta groups too. */
function withoutKinds(definition: Tree | undefined): unknown {
  const { 'x-kubernetes-group-version-kind': _kinds, ...rest } = definition ?? {};
  return rest;
}

test('aggregated discovery says of our groups what upstream says', () => {
  const groups = groupResources(resources).filter(({ group }) => group !== '');
  const upstream = read('discovery/aggregated_v2.json')['items'] as unknown as readonly Tree[];
  const own = aggregatedDiscoveryDocument(groups)['items'] as readonly Tree[];
  assert.deepEqual(
    own.map((g) => g['metadata']?.['name']),
    upstream.map((g) => g['metadata']?.['name']).filter((name) => groups.some((g) => g.group === String(name))),
  );
  for (const group of own) {
    const expected = upstream.find((g) => g['metadata']?.['name'] === group['metadata']?.['name']);
    for (const version of group['versions'] as unknown as readonly Tree[]) {
      const versions = expected?.['versions'] as unknown as readonly Tree[];
      assert.deepEqual(
        version,
        versions.find((v) => v['version'] === version['version']),
      );
    }
  }
  const apps = groups.find((g) => g.group === 'apps');
  assert.ok(apps);
  assert.deepEqual(apiGroupDocument(apps), read('discovery/apis__apps.json'));
});
