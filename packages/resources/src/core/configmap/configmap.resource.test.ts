/** How large the data of a ConfigMap may be, all keys together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldErrors } from '@kapella/base';
import { configMapResource } from './configmap.resource.ts';

const MAX = 1024 * 1024;

interface Data {
  readonly data?: Record<string, string>;
  readonly binaryData?: Record<string, string>;
}

function isAccepted(data: Data): boolean {
  const errors = new FieldErrors();
  configMapResource.validate?.({ metadata: { name: 'a' }, ...data } as never, errors);
  return !errors.any;
}

test('a megabyte fits, one byte more does not', () => {
  assert.equal(isAccepted({ data: { a: 'x'.repeat(MAX - 1), b: 'x' } }), true);
  assert.equal(isAccepted({ data: { a: 'x'.repeat(MAX), b: 'x' } }), false);
});

test('bytes count, not characters, and binary data by what it encodes', () => {
  assert.equal(isAccepted({ data: { a: '€'.repeat(MAX / 4) } }), true);
  assert.equal(isAccepted({ data: { a: '€'.repeat(MAX / 3 + 1) } }), false);
  const megabyte = btoa('x'.repeat(MAX));
  assert.equal(isAccepted({ binaryData: { a: megabyte } }), true);
  assert.equal(isAccepted({ data: { b: 'x' }, binaryData: { a: megabyte } }), false);
});
