/** The generated facts against the published OpenAPI document and .proto files, where the Go module cache has them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { createTypeFacts } from '../../packages/api/src/facts/index.ts';
import type { FieldFact, TypeFact } from '../../packages/api/src/schema.ts';
import { KUBERNETES_VERSION } from './sources.ts';

interface Property {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly items?: Property;
  readonly additionalProperties?: Property;
  readonly [extension: `x-kubernetes-${string}`]: unknown;
}
interface Definition extends Property {
  readonly properties?: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
}

const modules = findModules();
const libraries = KUBERNETES_VERSION.replace('v1', 'v0');
const kubernetes = join(modules, `k8s.io/kubernetes@${KUBERNETES_VERSION}`);
if (!existsSync(kubernetes))
  throw new Error('the Go modules of Kubernetes are not in the module cache: npm test -- facts fetches them');
const facts = createTypeFacts();

const SCALAR_NAMES: Readonly<Record<string, string>> = {
  int32: 'integer/int32',
  int64: 'integer/int64',
  bytes: 'string/byte',
  double: 'number/double',
  StringList: 'array',
  RawExtension: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  Time: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
  MicroTime: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
  FieldsV1: 'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1',
  IntOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  Quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
};

function findModules(): string {
  try {
    return execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).trim();
  } catch {
    return '/nonexistent';
  }
}

test('facts agree with the published OpenAPI document', () => {
  const text = readFileSync(join(kubernetes, 'api/openapi-spec/swagger.json'), 'utf8');
  const { definitions } = JSON.parse(text) as { definitions: Record<string, Definition> };
  let compared = 0;
  for (const [name, definition] of Object.entries(definitions)) {
    if (/\.v\d+(alpha|beta)\d+\./.test(name) || definition.properties === undefined) continue;
    const type = facts.type(facts.typeIdOfDefinition(name) ?? '');
    assert.ok(type, name);
    assert.deepEqual(factsAsOpenApi(type), openApiFacts(definition), name);
    compared++;
  }
  assert.ok(compared > 550, String(compared));
});

function openApiFacts(definition: Definition): unknown {
  const rows = Object.entries(definition.properties ?? {}).map(([name, property]) => [name, propertyRow(property)]);
  return {
    atomic: definition['x-kubernetes-map-type'] === 'atomic',
    required: (definition.required ?? []).toSorted(),
    fields: Object.fromEntries(rows) as unknown,
  };
}

function propertyRow(property: Property): unknown[] {
  const shape = property.type === 'array' ? 'list' : property.additionalProperties !== undefined ? 'map' : 'single';
  const element = property.items ?? property.additionalProperties ?? property;
  const format = element.format === undefined ? '' : `/${element.format}`;
  const names = ['list-type', 'list-map-keys', 'patch-strategy', 'patch-merge-key', 'map-type'] as const;
  const extensions = names.map((n) => String(property[`x-kubernetes-${n}`] ?? ''));
  return [shape, element.$ref?.slice('#/definitions/'.length) ?? `${element.type}${format}`, ...extensions];
}

function factsAsOpenApi(type: TypeFact): unknown {
  return {
    atomic: type.atomic === true,
    required: type.fields
      .filter((f) => f.required)
      .map((f) => f.name)
      .toSorted(),
    fields: Object.fromEntries(type.fields.map((f) => [f.name, fieldRow(f)])) as unknown,
  };
}

function fieldRow(f: FieldFact): unknown[] {
  const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.';
  const isSchema = f.type.startsWith('JSON');
  const element = facts.type(f.type)?.definition ?? SCALAR_NAMES[f.type] ?? (isSchema ? extensions + f.type : f.type);
  const mapType = f.atomic === undefined ? '' : f.atomic ? 'atomic' : 'granular';
  if (f.type === 'StringList' && f.shape === 'single') return ['list', 'string', '', '', '', '', ''];
  return [
    f.shape,
    element,
    f.listType ?? '',
    (f.listMapKeys ?? []).join(),
    (f.patchStrategy ?? []).join(),
    f.patchMergeKey ?? '',
    mapType,
  ];
}

test('facts agree with the published .proto files', () => {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => protoPath(target);
  const missing: string[] = [];
  let compared = 0;
  for (const id of facts.ids()) {
    const packageId = id.slice(0, id.lastIndexOf('.'));
    if (packageId === 'version') continue;
    root.loadSync(protoFileOf(packageId), { keepCase: true });
    const message = root.lookup(protoNameOf(packageId, id)) as protobuf.Type | null;
    if (message === null) missing.push(id);
    else {
      compareMessage(facts.type(id) as TypeFact, message);
      compared++;
    }
  }
  assert.ok(compared > 550, String(compared));
  assert.deepEqual(
    missing,
    ['Table', 'TableColumnDefinition', 'TableRow', 'TableRowCondition'].map((n) => `meta/v1.${n}`),
  );
});

function compareMessage(type: TypeFact, message: protobuf.Type): void {
  for (const field of type.fields) {
    if (field.proto === 0) continue;
    let parent = message;
    for (const number of field.protoPath ?? []) {
      parent = (parent.fieldsById[number]?.resolve().resolvedType ??
        assert.fail(`${type.id} ${number}`)) as protobuf.Type;
    }
    const proto = parent.fieldsById[field.proto];
    assert.equal(
      proto?.name.toLowerCase(),
      field.name.replace('$', '').replaceAll('-', '').toLowerCase(),
      `${type.id}.${field.name}`,
    );
    assert.equal(proto?.map ? 'map' : proto?.repeated ? 'list' : 'single', field.shape, `${type.id}.${field.name}`);
  }
}

function protoFileOf(packageId: string): string {
  if (packageId === 'meta/v1') return 'k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto';
  if (packageId === 'apiextensions/v1')
    return 'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/generated.proto';
  if (packageId === 'apiregistration/v1') return 'k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/generated.proto';
  return `k8s.io/api/${packageId}/generated.proto`;
}

function protoNameOf(packageId: string, id: string): string {
  const path = protoFileOf(packageId).replace('/generated.proto', '').replaceAll('/', '.').replaceAll('-', '_');
  return `.${path}.${id.slice(id.lastIndexOf('.') + 1)}`;
}

function protoPath(target: string): string {
  const [host = '', module = '', ...rest] = target.split('/');
  return join(modules, host, `${module}@${libraries}`, ...rest);
}
