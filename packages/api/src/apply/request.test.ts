/** Helpers around managedFields: names of managers, no-op times, scale, custom resources. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTypeFacts } from '../facts/index.ts';
import {
  ApplySchema,
  type ApplyType,
  applyTypeOfStructuralSchema,
  createFieldManager,
  managedFieldsProblem,
  managerName,
  parentManagedFields,
  type StructuralSchema,
  scaleManagedFields,
  withoutNoopTimes,
} from './index.ts';

const facts = createTypeFacts();
const fields = createFieldManager(facts);
const metadataType = new ApplySchema(facts).type('meta/v1.ObjectMeta') as ApplyType;

test('the manager is what the request says, or the product of its user agent', () => {
  assert.equal(managerName('mine', 'kubectl/v1.36'), 'mine');
  assert.equal(managerName('', 'kubectl/v1.36 (linux/amd64)'), 'kubectl');
  assert.equal(managerName('', 'a\tb\u0000c'), 'abc');
  assert.equal(managerName('', 'é'.repeat(100)), 'é'.repeat(64));
  assert.equal(managerName('', ''), '');
});

test('malformed entries are named', () => {
  const entry = { manager: 'a', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1' } as const;
  assert.equal(managedFieldsProblem([entry]), undefined);
  assert.equal(managedFieldsProblem([{ ...entry, operation: undefined }]), 'operation must be `Apply` or `Update`');
  assert.equal(managedFieldsProblem([{ ...entry, apiVersion: '' }]), 'apiVersion must not be empty');
  assert.equal(
    managedFieldsProblem([{ ...entry, fieldsType: undefined }]),
    'missing fieldsType in managed fields entry 0',
  );
  assert.match(managedFieldsProblem([{ ...entry, fieldsV1: { bad: {} } }]) ?? '', /^error decoding set: /);
});

test('a write that changes only times changes nothing', () => {
  const entry = { manager: 'a', operation: 'Apply' as const, apiVersion: 'v1', fieldsV1: { 'f:a': {} } };
  const old = { a: 1, metadata: { managedFields: [{ ...entry, time: '1' }] } };
  const next = { a: 1, metadata: { managedFields: [{ ...entry, time: '2' }] } };
  assert.deepEqual(withoutNoopTimes(next, old), old);
  assert.equal(withoutNoopTimes({ ...next, a: 2 }, old).metadata.managedFields[0]?.time, '2');
});

test('a Scale shows and writes who owns the replicas', () => {
  const mapping = { apiVersion: 'apps/v1', replicasPath: ['spec', 'replicas'] };
  const base = { operation: 'Update' as const, apiVersion: 'apps/v1', fieldsType: 'FieldsV1' as const };
  const parent = [
    { ...base, manager: 'a', fieldsV1: { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } } },
    { ...base, manager: 'b', fieldsV1: { 'f:metadata': { 'f:labels': { 'f:x': {} } } } },
  ];
  const scale = scaleManagedFields(parent, mapping);
  const replicas = { 'f:spec': { 'f:replicas': {} } };
  assert.deepEqual(scale, [{ ...base, manager: 'a', apiVersion: 'autoscaling/v1', fieldsV1: replicas }]);
  const written = [{ ...base, manager: 'c', apiVersion: 'autoscaling/v1', subresource: 'scale', fieldsV1: replicas }];
  assert.deepEqual(parentManagedFields(parent, written, mapping), [
    { ...base, manager: 'a', fieldsV1: { 'f:spec': { 'f:paused': {} } } },
    parent[1],
    { ...base, manager: 'c', subresource: 'scale', fieldsV1: replicas },
  ]);
});

const schema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        rules: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: {
              port: { type: 'integer' },
              protocol: { type: 'string', default: 'TCP' },
              note: { type: 'string' },
            },
          },
        },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: { type: 'string' } },
        open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        size: { 'x-kubernetes-int-or-string': true },
      },
    },
  },
};

function applyThing(spec: object, type: ApplyType | undefined, live?: object) {
  const applied = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'x' }, spec };
  return fields.apply({
    live,
    applied,
    manager: 'm',
    force: false,
    subresource: '',
    nowMs: 0,
    ...(type === undefined ? {} : { type }),
  });
}

test('the schema of a custom resource says what is owned', () => {
  const type = applyTypeOfStructuralSchema(schema, metadataType);
  const spec = { rules: [{ port: 80, note: 'n' }], tags: ['a'], whole: { k: 'v' }, open: { a: { b: 1 } }, size: '1%' };
  const { managedFields } = applyThing(spec, type);
  assert.deepEqual(managedFields?.[0]?.fieldsV1, {
    'f:spec': {
      'f:open': { 'f:a': { '.': {}, 'f:b': {} } },
      'f:rules': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:note': {}, 'f:port': {} } },
      'f:size': {},
      'f:tags': { 'v:"a"': {} },
      'f:whole': {},
    },
  });
  assert.throws(() => applyThing({ unknown: 1 }, type), /\.spec\.unknown: field not declared in schema$/);
});

test('without a schema, fields are owned one by one and lists as a whole', () => {
  const { managedFields } = applyThing({ a: { b: 1 }, list: [{ c: 1 }] }, undefined);
  assert.deepEqual(managedFields?.[0]?.fieldsV1, {
    'f:spec': { '.': {}, 'f:a': { '.': {}, 'f:b': {} }, 'f:list': {} },
  });
});

test('a list that turned atomic is owned as a whole from then on', () => {
  const { object, managedFields } = applyThing({ tags: ['a'] }, applyTypeOfStructuralSchema(schema, metadataType));
  const live = { ...object, metadata: { ...(object.metadata as object), uid: 'u', managedFields } };
  const tags = { type: 'array', 'x-kubernetes-list-type': 'atomic', items: { type: 'string' } };
  const atomic = { type: 'object', properties: { spec: { type: 'object', properties: { tags } } } };
  const next = applyThing({ tags: ['b'] }, applyTypeOfStructuralSchema(atomic, metadataType), live);
  assert.deepEqual(next.managedFields?.[0]?.fieldsV1, { 'f:spec': { 'f:tags': {} } });
  assert.deepEqual(next.object.spec, { tags: ['b'] });
});
