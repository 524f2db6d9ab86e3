/** Values that the scale subresource reads, writes through status, and what discovery of versions and tables says of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnknownObject } from '@kapella/api';
import { FieldErrors } from '@kapella/base';
import { columnsOf } from '../columns/columns.ts';
import { checkScaleValues } from './scale-values.ts';

const scale = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.s',
};

function messages(part: object, withSpec = true): readonly string[] {
  const errors = new FieldErrors();
  checkScaleValues({ metadata: { name: 'x' }, ...part } as UnknownObject, scale, withSpec, errors);
  return errors.list.map(({ field, message }) => `${field}: ${message}`);
}

test('replicas are whole numbers of 32 bits, selectors are texts', () => {
  assert.deepEqual(messages({}), []);
  assert.deepEqual(messages({ spec: { replicas: 3 }, status: { replicas: 0, s: 'a=b' } }), []);
  assert.deepEqual(messages({ spec: { replicas: -1 }, status: { replicas: 2 ** 40 } }), [
    '.spec.replicas: Invalid value: -1: should be a non-negative integer',
    '.status.replicas: Invalid value: 1099511627776: should be less than or equal to 2147483647',
  ]);
  assert.deepEqual(messages({ spec: { replicas: 'x' }, status: { replicas: 1.5, s: {} } }), [
    '.spec.replicas: Invalid value: 0: .spec.replicas accessor error: x is of the type string, expected int64',
    '.status.replicas: Invalid value: 0: .status.replicas accessor error: 1.5 is of the type float64, expected int64',
    '.status.s: Invalid value: "": .status.s accessor error: {} is of the type map[string]interface {}, expected string',
  ]);
  assert.deepEqual(messages({ spec: { replicas: -1 } }, false), []);
});

test('columns keep their priority, and are described by their path where nobody did', () => {
  const columns = columnsOf([
    { name: 'A', type: 'string', jsonPath: '.spec.a' },
    { name: 'B', type: 'string', jsonPath: '.spec.b', description: 'the b', priority: 42 },
  ]);
  assert.deepEqual(
    columns.slice(1).map(({ description, priority }) => [description, priority]),
    [
      ['Custom resource definition column (in JSONPath format): .spec.a', undefined],
      ['the b', 42],
    ],
  );
});
