/** AuthorizationConfiguration against what upstream's own code says of it: golden.json, from k8s.io/apiserver v0.36.3. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldErrors } from '@kapella/base';
import { joinFieldErrors } from '../jwt/structured.ts';
import { decodeAuthorizationConfiguration } from './configuration.ts';
import golden from './golden.json' with { type: 'json' };
import { loadAuthorization } from './structured.ts';
import { type FileKind, validateAuthorization } from './validate.ts';

const rows = golden as unknown as readonly (readonly [unknown, string, boolean])[];

/** The machine on which golden.json was made. */
const fileKind: FileKind = (path) => {
  if (path === '/etc/passwd') return 'file';
  return path === '/tmp' ? 'other' : { error: `stat ${path}: no such file or directory` };
};

for (const [document, expected, isRefused] of rows) {
  const text = JSON.stringify(document);
  test(`${text.slice(60, 400)} ${expected.slice(0, 80)}`, () => {
    if (isRefused) {
      assert.throws(() => decodeAuthorizationConfiguration(text));
      return;
    }
    const errors = new FieldErrors();
    validateAuthorization(decodeAuthorizationConfiguration(text), fileKind, errors);
    assert.equal(errors.any ? joinFieldErrors(errors) : '', expected);
  });
}

test('names are those of the modes; modes that the server began with stay', () => {
  const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration' };
  const load =
    (authorizers: object[], required: string[] = []) =>
    () =>
      loadAuthorization(JSON.stringify({ ...head, authorizers }), fileKind, new Set(required));
  const rbac = { type: 'RBAC', name: 'rbac' };
  assert.equal(load([rbac], ['RBAC'])().authorizers.length, 1);
  assert.throws(load([{ ...rbac, name: 'roles' }]), {
    message: 'expected name rbac for authorizer RBAC instead of roles',
  });
  assert.throws(load([rbac], ['RBAC', 'Node', 'ABAC']), { message: 'missing required types: [ABAC Node]' });
  assert.throws(load([]), { message: 'authorizers: Required value: at least one authorization mode must be defined' });
  assert.throws(() => loadAuthorization('', fileKind, new Set()), {
    message: 'failed to load AuthorizationConfiguration from file: empty config data',
  });
});
