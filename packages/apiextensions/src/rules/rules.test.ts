/** Rules of custom resources: what they say of new objects and of changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JsonSchema, UNCORRELATED } from '@kapella/api';
import { FieldErrors } from '@kapella/base';
import { compileRules } from './rules.ts';

const schema: JsonSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-validations': [
        { rule: 'self.min <= self.max', message: 'min above max' },
        {
          rule: 'self.max <= 100',
          messageExpression: "'max is ' + string(self.max)",
          reason: 'FieldValueForbidden',
          fieldPath: '.max',
        },
      ],
      properties: {
        min: { type: 'integer' },
        max: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'never shrinks' }] },
        name: {
          type: 'string',
          'x-kubernetes-validations': [
            { rule: '!oldSelf.hasValue() || self == oldSelf.value()', optionalOldSelf: true },
          ],
        },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['id'],
          items: {
            type: 'object',
            properties: {
              id: { type: 'string' },
              size: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] },
            },
          },
        },
        tags: {
          type: 'object',
          additionalProperties: { type: 'string', 'x-kubernetes-validations': [{ rule: "self != 'bad'" }] },
        },
        odd: { type: 'integer', 'x-kubernetes-validations': [{ rule: '10 / self > 0' }] },
      },
    },
  },
};
const check = compileRules(schema);

function errorsOf(spec: object, old?: object): string[] {
  const errors = new FieldErrors();
  check?.({ spec }, old === undefined ? UNCORRELATED : { spec: old }, errors);
  return errors.list.map(({ field, message }) => `${field}: ${message}`);
}

test('a rule that does not hold is told in its words, at its place', () => {
  assert.deepEqual(errorsOf({ min: 1, max: 2 }), []);
  assert.deepEqual(errorsOf({ min: 3, max: 2 }), ['spec: Invalid value: min above max']);
  assert.deepEqual(errorsOf({ min: 3, max: 200 }), ['spec.max: Forbidden: max is 200']);
  assert.deepEqual(errorsOf({ min: 1, max: 2, tags: { a: 'bad' } }), [
    `spec.tags[a]: Invalid value: "bad": failed rule: self != 'bad'`,
  ]);
});

test('rules about changes need what was before', () => {
  const old = { min: 1, max: 5, name: 'a', parts: [{ id: 'x', size: 2 }] };
  assert.deepEqual(errorsOf({ ...old, max: 4 }, old), ['spec.max: Invalid value: 4: never shrinks']);
  assert.deepEqual(errorsOf({ ...old, name: 'b' }, old), [
    'spec.name: Invalid value: "b": failed rule: !oldSelf.hasValue() || self == oldSelf.value()',
  ]);
  const parts = [
    { id: 'y', size: 1 },
    { id: 'x', size: 1 },
  ];
  assert.deepEqual(errorsOf({ ...old, parts }, old), [
    'spec.parts[1].size: Invalid value: 1: failed rule: self >= oldSelf',
  ]);
});

test('what did not change is not checked again', () => {
  const old = { min: 9, max: 2 };
  assert.deepEqual(errorsOf(old, old), []);
  assert.deepEqual(errorsOf({ ...old, name: 'x' }, old), ['spec: Invalid value: min above max']);
});

test('an error of evaluation is told', () => {
  assert.deepEqual(errorsOf({ min: 1, max: 2, odd: 0 }), [
    'spec.odd: Invalid value: "integer": division by zero evaluating rule: 10 / self > 0',
  ]);
});

test('a schema without rules costs nothing', () => {
  assert.equal(compileRules({ type: 'object', properties: { a: { type: 'string' } } }), undefined);
});
