/** Pruning, defaulting and validation of values by the schemas of custom resources. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldErrors } from '@kapella/base';
import fc from 'fast-check';
import {
  checkListTypes,
  compileSchema,
  type JsonSchema,
  pruneObject,
  UNCORRELATED,
  withSchemaDefaults,
} from './index.ts';

const schema: JsonSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 10 },
        mode: { type: 'string', enum: ['fast', 'safe'], default: 'safe' },
        label: { type: 'string', pattern: '^[a-z]+$', maxLength: 5 },
        when: { type: 'string', format: 'date-time' },
        port: { 'x-kubernetes-int-or-string': true },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        map: { type: 'object', additionalProperties: { type: 'integer' } },
        items: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            properties: { name: { type: 'string' }, weight: { type: 'integer', default: 3, minimum: 0 } },
          },
        },
        either: { type: 'string', oneOf: [{ pattern: '^a' }, { pattern: 'b$' }] },
      },
    },
  },
};
const check = compileSchema(schema);

function errorsOf(spec: object, old?: object): string[] {
  const errors = new FieldErrors();
  check({ spec }, '', errors, old === undefined ? UNCORRELATED : { spec: old });
  return errors.list.map(({ field, message }) => `${field}: ${message}`);
}

test('what the schema does not declare is dropped and told, metadata stays', () => {
  const object = {
    apiVersion: 'v',
    kind: 'K',
    metadata: { name: 'n', x: 1 },
    spec: { size: 1, bad: { deep: 1 } },
    more: 1,
  };
  const { object: pruned, unknown } = pruneObject(object, schema);
  assert.deepEqual(pruned, { apiVersion: 'v', kind: 'K', metadata: { name: 'n', x: 1 }, spec: { size: 1 } });
  assert.deepEqual(unknown, ['spec.bad', 'more']);
  const clean = { spec: { size: 1, free: { any: { thing: [1] } }, map: { a: 1 } } };
  assert.equal(pruneObject(clean, schema).object, clean);
});

test('defaults fill what is absent, in list items too; null makes way for a default', () => {
  const filled = withSchemaDefaults({ spec: { size: 1, mode: null, items: [{ name: 'a' }] } }, schema);
  assert.deepEqual(filled, { spec: { size: 1, mode: 'safe', items: [{ name: 'a', weight: 3 }] } });
  assert.equal(withSchemaDefaults(filled, schema), filled);
  assert.deepEqual(withSchemaDefaults({}, schema), {});
});

test("errors are worded as upstream's", () => {
  const table: readonly (readonly [spec: object, ...errors: string[]])[] = [
    [{ size: 3 }],
    [{}, 'spec.size: Required value'],
    [{ size: 'x' }, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'],
    [{ size: 1.5 }, 'spec.size: Invalid value: "number": spec.size in body must be of type integer: "number"'],
    [{ size: null }, 'spec.size: Invalid value: "null": spec.size in body must be of type integer: "null"'],
    [{ size: 11 }, 'spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10'],
    [{ size: 0 }, 'spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1'],
    [{ size: 1, mode: 'slow' }, 'spec.mode: Unsupported value: "slow": supported values: "fast", "safe"'],
    [{ size: 1, label: 'A1' }, 'spec.label: Invalid value: "A1": spec.label in body should match \'^[a-z]+$\''],
    [{ size: 1, label: 'abcdef' }, 'spec.label: Too long: may not be more than 5 bytes'],
    [{ size: 1, when: 'now' }, 'spec.when: Invalid value: "now": spec.when in body must be of type date-time: "now"'],
    [
      { size: 1, port: true },
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
    ],
    [
      { size: 1, map: { k: 'v' } },
      'spec.map.k: Invalid value: "string": spec.map.k in body must be of type integer: "string"',
    ],
    [
      { size: 1, either: 'ab' },
      '<nil>: Invalid value: "": "spec.either" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
  ];
  for (const [spec, ...wanted] of table) assert.deepEqual(errorsOf(spec), wanted, JSON.stringify(spec));
});

test('what an update leaves as it was is not checked again, nor are list items found by their key', () => {
  const old = { size: 99, label: 'OLD', items: [{ name: 'a', weight: -1 }] };
  assert.deepEqual(errorsOf({ ...old, items: [{ name: 'b', weight: 1 }, ...old.items] }, old), []);
  assert.equal(errorsOf({ ...old, size: 98 }, old).length, 1);
  assert.equal(errorsOf({ ...old, items: [{ name: 'a', weight: -2 }] }, old).length, 1);
});

test('an item of a set or of a list by key stands there once', () => {
  const errors = new FieldErrors();
  const items = [{ name: 'a' }, { name: 'b' }, { name: 'a', weight: 2 }];
  checkListTypes({ spec: { items } }, schema, '', errors);
  assert.deepEqual(
    errors.list.map(({ field, message }) => `${field}: ${message}`),
    ['spec.items[2]: Duplicate value: {"name":"a"}'],
  );
});

test('pruning and defaulting twice is pruning and defaulting once, and what was pruned has nothing unknown', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (top, spec) => {
      const once = withSchemaDefaults(pruneObject({ ...top, spec }, schema).object, schema);
      const again = pruneObject(once, schema);
      assert.deepEqual(again.unknown, []);
      assert.deepEqual(withSchemaDefaults(again.object, schema), once);
    }),
  );
});
