/** What rules may cost, through validation. Cases from apiextensions-apiserver pkg/apis/apiextensions/validation tests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UNCORRELATED } from '@kapella/api';
import { FieldErrors } from '@kapella/base';
import { resources } from '@kapella/resources';
import { compileRules } from './rules.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into values freely
type Json = any;

const kind = resources.find(({ id }) => id.kind === 'CustomResourceDefinition') as Json;
const HOW =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';
const AT = 'spec.versions[0].schema.openAPIV3Schema';
const TOTAL = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';

function definition(properties: Json): Json {
  const openAPIV3Schema = { type: 'object', properties: { spec: { type: 'object', properties } } };
  return kind.withDefaults({
    metadata: { name: 'widgets.example.com', resourceVersion: '1' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
    status: { storedVersions: ['v1'] },
  });
}

function problems(properties: Json, old?: Json): string[] {
  const errors = new FieldErrors();
  if (old === undefined) kind.validate(definition(properties), errors);
  else kind.validateUpdate(definition(properties), definition(old), errors);
  return errors.list.map(({ field, message }) => `${field}: ${message}`);
}

const rules = (...all: string[]) => ({ 'x-kubernetes-validations': all.map((rule) => ({ rule })) });
const list = (items: Json, more: object = {}) => ({ type: 'array', items, ...more });

test('an expression that may cost too much is refused, and limits on sizes help', () => {
  const quadratic = rules('self.all(x, self.all(y, x == y))');
  const rule = `${AT}.properties[spec].properties[a].x-kubernetes-validations[0].rule`;
  assert.deepEqual(problems({ a: list({ type: 'string' }, quadratic) }), [
    `${rule}: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${HOW}`,
    `${rule}: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
    `${AT}: Forbidden: ${TOTAL} exceeds budget by factor of more than 100x ${HOW}`,
  ]);
  assert.deepEqual(problems({ a: list({ type: 'string', maxLength: 10 }, { ...quadratic, maxItems: 20 }) }), []);
});

test('a rule counts as often as its value can be there', () => {
  const item = { type: 'object', properties: { s: { type: 'string', ...rules("self.contains('x')") } } };
  const [first = ''] = problems({ a: list(item) });
  assert.match(first, /estimated rule cost exceeds budget by factor of more than 100x/);
  const small = {
    type: 'object',
    properties: { s: { type: 'string', maxLength: 20, ...rules("self.contains('x')") } },
  };
  assert.deepEqual(problems({ a: list(small, { maxItems: 100 }) }), []);
});

test('rules that are fine each may be too much together', () => {
  // 4,718,591 units each; 22 of them are 104 millions.
  const many = Object.fromEntries(
    Array.from({ length: 22 }, (_, i) => [`a${i}`, list({ type: 'number' }, rules('self.all(x, true)'))]),
  );
  const found = problems(many);
  assert.equal(found.length, 5, 'the four that cost most, and the sum');
  assert.equal(found.at(-1), `${AT}: Forbidden: ${TOTAL} exceeds budget by factor of 1.038090x ${HOW}`);
});

test('a schema that was let in before may stay, until it changes', () => {
  const properties = { a: list({ type: 'string' }, rules('self.all(x, self.all(y, x == y))')) };
  const each = (found: string[]) => found.filter((text) => text.includes('estimated rule cost exceeds'));
  assert.deepEqual(each(problems(properties, properties)), []);
  assert.equal(each(problems({ ...properties, b: { type: 'string' } }, properties)).length, 1);
});

test('old values are there only where they can be found', () => {
  const item = { type: 'object', properties: { n: { type: 'integer', ...rules('self >= oldSelf') } } };
  const at = `${AT}.properties[spec].properties[a]`;
  const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${at}`;
  const field = `${at}.items.properties[n].x-kubernetes-validations[0]`;
  assert.deepEqual(problems({ a: list(item, { maxItems: 5 }) }), [
    `${field}.rule: Invalid value: "self >= oldSelf": ${why}`,
  ]);
  const named = { ...item, required: ['k'], properties: { ...item.properties, k: { type: 'string', maxLength: 5 } } };
  const map = { maxItems: 5, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] };
  assert.deepEqual(problems({ a: list(named, map) }), []);
  const optional = { type: 'string', 'x-kubernetes-validations': [{ rule: 'true', optionalOldSelf: true }] };
  assert.match(
    problems({ b: optional })[0] ?? '',
    /optionalOldSelf: Invalid value: true: may not be set if oldSelf is not/,
  );
});

test('fieldPath names a field below', () => {
  const rule = (fieldPath: string) => ({
    type: 'object',
    properties: { a: { type: 'string' }, 'b.c': { type: 'string' } },
    'x-kubernetes-validations': [{ rule: 'true', fieldPath }],
  });
  assert.deepEqual(problems({ o: rule('.a') }), []);
  assert.deepEqual(problems({ o: rule("['b.c']") }), []);
  assert.match(problems({ o: rule('.x') })[0] ?? '', /fieldPath: Invalid value: ".x": must be a valid path/);
});

test('what an evaluation and an object may cost is limited when it runs', () => {
  const schema = {
    type: 'object',
    properties: { a: list({ type: 'integer' }, rules('self.all(x, self.all(y, x != y + 1000000))', 'false')) },
  };
  const check = compileRules(schema as Json);
  const found = (size: number) => {
    const errors = new FieldErrors();
    check?.({ a: Array.from({ length: size }, (_, i) => i) }, UNCORRELATED, errors);
    return errors.list.map(({ message }) => message);
  };
  assert.deepEqual(found(3), ['Invalid value: failed rule: false']);
  assert.deepEqual(found(2000), [
    'Invalid value: "array": \'operation cancelled: actual cost limit exceeded\': no further validation rules will be run ' +
      'due to call cost exceeds limit for rule: self.all(x, self.all(y, x != y + 1000000))',
  ]);
  const budget = compileRules({
    type: 'object',
    properties: {
      a: list({ type: 'array', items: { type: 'integer' }, ...rules('self.all(x, self.all(y, x != y + 1000000))') }),
    },
  } as Json);
  const errors = new FieldErrors();
  const inner = Array.from({ length: 350 }, (_, i) => i);
  budget?.({ a: Array.from({ length: 40 }, () => inner) }, UNCORRELATED, errors);
  assert.deepEqual(
    errors.list.map(({ message }) => message),
    [
      'Invalid value: "array": validation failed due to running out of cost budget, no further validation rules will be run',
    ],
  );
});
