/** Rules of metadata, on creation and on update. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldErrors } from '@kapella/base';
import type { ObjectMeta } from '../meta.ts';
import { nameIsDnsSubdomain, validateFieldManager, validateObjectMeta, validateObjectMetaUpdate } from './index.ts';

const rules = { namespaced: true, validateName: nameIsDnsSubdomain };
const valid: ObjectMeta = {
  name: 'web',
  namespace: 'default',
  uid: 'u1',
  resourceVersion: '1',
  generation: 2,
  creationTimestamp: '2026-01-01T00:00:00Z',
};

function onCreate(change: object, namespaced = true): string[] {
  const errors = new FieldErrors();
  validateObjectMeta({ ...valid, ...change }, { ...rules, namespaced }, errors);
  return errors.list.map((error) => `${error.field}: ${error.message}`);
}

function onUpdate(change: object, old: object = {}): string[] {
  const errors = new FieldErrors();
  validateObjectMetaUpdate({ ...valid, ...change }, { ...valid, ...old }, errors);
  return errors.list.map((error) => `${error.field}: ${error.message}`);
}

test('what is right passes', () => {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'x', uid: 'u', controller: true };
  assert.deepEqual(
    onCreate({
      generateName: 'web-',
      labels: { 'example.com/app': 'x', empty: '' },
      annotations: { 'Example.com/Any': 'é\n' },
      ownerReferences: [owner, { ...owner, controller: false }],
      finalizers: ['orphan', 'example.com/hold'],
      managedFields: [{ manager: 'kubectl', operation: 'Apply', fieldsType: 'FieldsV1' }],
    }),
    [],
  );
  assert.deepEqual(onUpdate({ labels: { a: 'b' } }), []);
});

test('name and namespace', () => {
  assert.deepEqual(onCreate({ name: '' }), ['metadata.name: Required value: name or generateName is required']);
  assert.deepEqual(onCreate({ namespace: '' }), ['metadata.namespace: Required value']);
  assert.deepEqual(onCreate({}, false), ['metadata.namespace: Forbidden: not allowed on this type']);
  assert.match(
    onCreate({ namespace: 'a.b' })[0] ?? '',
    /^metadata.namespace: Invalid value: "a.b": must not contain dots$/,
  );
  assert.equal(onCreate({ name: 'Web', generateName: 'Web-' }).length, 2);
  assert.deepEqual(onCreate({ generation: -1 }), [
    'metadata.generation: Invalid value: -1: must be greater than or equal to 0',
  ]);
});

test('labels and annotations', () => {
  assert.match(onCreate({ labels: { 'a b': 'x' } })[0] ?? '', /^metadata.labels: Invalid value: "a b": name part must/);
  assert.match(
    onCreate({ labels: { a: 'x y' } })[0] ?? '',
    /^metadata.labels: Invalid value: "x y": a valid label must/,
  );
  const half = 'x'.repeat(128 * 1024 - 1);
  assert.deepEqual(onCreate({ annotations: { a: half, b: half } }), []);
  assert.deepEqual(onCreate({ annotations: { a: half, b: `${half}x` } }), [
    'metadata.annotations: Too long: may not be more than 262144 bytes',
  ]);
});

test('owner references', () => {
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'u', controller: true };
  assert.deepEqual(onCreate({ ownerReferences: [{ apiVersion: 'a/b/c', kind: '', name: '', uid: '' }] }), [
    'metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty',
    'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
    'metadata.ownerReferences.name: Invalid value: "": must not be empty',
    'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
  ]);
  assert.match(
    onCreate({ ownerReferences: [owner, { ...owner, name: 'y' }] })[0] ?? '',
    /Only one reference can have Controller set to true. Found "true" in references for Pod\/x and Pod\/y$/,
  );
  assert.match(
    onCreate({ ownerReferences: [{ ...owner, kind: 'Event' }] })[0] ?? '',
    /\/v1, Kind=Event is disallowed from being an owner$/,
  );
});

test('finalizers and managed fields', () => {
  assert.deepEqual(onCreate({ finalizers: ['orphan', 'foregroundDeletion'] }), [
    'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: ' +
      'finalizer orphan and foregroundDeletion cannot be both set',
  ]);
  assert.deepEqual(onCreate({ managedFields: [{ manager: 'x'.repeat(129), operation: 'Patch', fieldsType: 'V2' }] }), [
    'metadata.managedFields[0].operation: Invalid value: "Patch": must be `Apply` or `Update`',
    'metadata.managedFields[0].fieldsType: Invalid value: "V2": must be `FieldsV1`',
    'metadata.managedFields[0].manager: Too long: may not be more than 128 bytes',
  ]);
  const errors = new FieldErrors();
  validateFieldManager('é\t', errors, 'fieldManager');
  assert.deepEqual(
    errors.list.map((error) => error.message),
    ['Invalid value: "é\\t": invalid character U+0009 (at position 2)'],
  );
});

test('what an update may not change', () => {
  assert.deepEqual(onUpdate({ name: 'db', namespace: 'x', uid: 'u2', resourceVersion: '', generation: 1 }), [
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
    'metadata.generation: Invalid value: 1: must not be decremented',
    'metadata.name: Invalid value: "db": field is immutable',
    'metadata.namespace: Invalid value: "x": field is immutable',
    'metadata.uid: Invalid value: "u2": field is immutable',
  ]);
  assert.deepEqual(onUpdate({ creationTimestamp: undefined, deletionTimestamp: '2026-01-02T00:00:00Z' }), [
    'metadata.creationTimestamp: Invalid value: null: field is immutable',
    'metadata.deletionTimestamp: Invalid value: "2026-01-02T00:00:00Z": field is immutable',
  ]);
});

test('an object that is being deleted takes no new finalizers', () => {
  const deleting = { deletionTimestamp: '2026-01-02T00:00:00Z', finalizers: ['a'] };
  assert.deepEqual(onUpdate({ ...deleting, finalizers: [] }, deleting), []);
  assert.deepEqual(onUpdate({ ...deleting, finalizers: ['c', 'a', 'b'] }, deleting), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, ' +
      'found new finalizers []string{"b", "c"}',
  ]);
});
