/** Selectors against what upstream's own code answered: golden.json, from k8s.io/apimachinery v0.36.3. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldErrors } from '@kapella/base';
import fc from 'fast-check';
import golden from './golden.json' with { type: 'json' };
import * as selectors from './index.ts';

const { compileLabelSelector, parseFieldSelector, parseLabelSelector, SelectorError } = selectors;

// The label sets (and field sets) that golden.json's matches are about, in order.
const SETS: readonly Record<string, string>[] = [
  {},
  { a: 'b' },
  { a: '2', b: 'c' },
  { x: 'y', in: 'notin', a: '' },
  { a: '1', x: 'z' },
];

const bits = (matches: (set: Record<string, string>) => boolean) => SETS.map((set) => Number(matches(set))).join('');

test('label selectors are read, written and matched as upstream does', () => {
  for (const { text, label, labelMatches, labelError } of golden) {
    if (labelError !== undefined) {
      assert.throws(() => parseLabelSelector(text), new SelectorError(labelError), text);
      continue;
    }
    const selector = parseLabelSelector(text);
    assert.equal(String(selector), label, text);
    assert.equal(
      bits((set) => selector.matches(set)),
      labelMatches,
      text,
    );
  }
});

test('field selectors are read, written and matched as upstream does', () => {
  for (const { text, field, fieldMatches, fieldError } of golden) {
    if (fieldError !== undefined) {
      assert.throws(() => parseFieldSelector(text), new SelectorError(fieldError), text);
      continue;
    }
    const selector = parseFieldSelector(text);
    assert.equal(String(selector), field, text);
    assert.equal(
      bits((set) => selector.matches((name) => set[name] ?? '')),
      fieldMatches,
      text,
    );
  }
});

test('metav1.LabelSelector: absent matches nothing, empty everything', () => {
  assert.equal(compileLabelSelector(undefined).matches({ a: 'b' }), false);
  assert.equal(compileLabelSelector(undefined).isNothing, true);
  assert.equal(compileLabelSelector({}).matches({}), true);
  assert.equal(compileLabelSelector({}).matches(undefined), true);
  const selector = compileLabelSelector({
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['b', 'a'] },
      { key: 'legacy', operator: 'DoesNotExist' },
      { key: 'app', operator: 'Exists' },
      { key: 'zone', operator: 'NotIn', values: ['x'] },
    ],
  });
  assert.equal(String(selector), 'app=web,app,!legacy,tier in (a,b),zone notin (x)');
  assert.equal(selector.matches({ app: 'web', tier: 'a' }), true);
  assert.equal(selector.matches({ app: 'web', tier: 'a', zone: 'x' }), false);
  assert.equal(selector.matches({ app: 'web', tier: 'a', legacy: '' }), false);
  assert.equal(selector.exactMatch('app'), 'web');
  assert.equal(selector.exactMatch('tier'), undefined);
  assert.throws(
    () => compileLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Near' }] }),
    new SelectorError('"Near" is not a valid label selector operator'),
  );
});

test('names that every object inherits are no labels', () => {
  for (const key of ['constructor', 'toString', 'hasOwnProperty']) {
    assert.equal(parseLabelSelector(key).matches({}), false);
    assert.equal(parseLabelSelector(`!${key}`).matches({}), true);
    assert.equal(parseLabelSelector(`${key}=x`).matches({ [key]: 'x' }), true);
  }
});

test('validation names each broken rule', () => {
  const errors = new FieldErrors();
  selectors.validateLabelSelector(
    {
      matchLabels: { 'a b': 'c' },
      matchExpressions: [
        { key: 'a', operator: 'In' },
        { key: '', operator: 'Exists', values: ['x'] },
        { key: 'a', operator: 'Near', values: ['x y'] },
      ],
    },
    errors,
    'spec.selector',
  );
  assert.deepEqual(
    errors.list.map((error) => `${error.field} ${error.type}`),
    [
      'spec.selector.matchLabels FieldValueInvalid',
      'spec.selector.matchExpressions[0].values FieldValueRequired',
      'spec.selector.matchExpressions[1].values FieldValueForbidden',
      'spec.selector.matchExpressions[1].key FieldValueInvalid',
      'spec.selector.matchExpressions[1].key FieldValueInvalid',
      'spec.selector.matchExpressions[2].operator FieldValueInvalid',
      'spec.selector.matchExpressions[2].values[0] FieldValueInvalid',
    ],
  );
});

test('a plain map selects what has all of it', () => {
  assert.equal(selectors.selectorFromLabels({ b: '2', a: '1' }).toString(), 'a=1,b=2');
  assert.equal(selectors.selectorFromLabels(undefined).isEmpty, true);
});

test('field terms are renamed, dropped or refused one by one', () => {
  const selector = parseFieldSelector('metadata.name=web,spec.nodeName!=a\\,b');
  assert.equal(selector.exactMatch('metadata.name'), 'web');
  assert.equal(selector.exactMatch('spec.nodeName'), undefined);
  const renamed = selector.transform((field, value) => (field === 'metadata.name' ? ['name', value] : ['', '']));
  assert.equal(String(renamed), 'name=web');
  assert.throws(() =>
    selector.transform(() => {
      throw new SelectorError('field label not supported');
    }),
  );
});

const value = fc.constantFrom('', 'a', 'b', '1', '23');
const key = fc.constantFrom('app', 'tier', 'in', 'example.com/x');
const requirement = fc.oneof(
  fc.tuple(key, fc.constantFrom('=', '==', '!='), value).map((parts) => parts.join('')),
  fc
    .tuple(key, fc.constantFrom('in', 'notin'), fc.array(value, { minLength: 1 }))
    .map(([k, o, v]) => `${k} ${o} (${v})`),
  key,
  key.map((name) => `!${name}`),
);

test('writing and reading a label selector again changes nothing it matches', () => {
  fc.assert(
    fc.property(fc.array(requirement), fc.dictionary(key, value), (parts, labels) => {
      const selector = parseLabelSelector(parts.join(','));
      const again = parseLabelSelector(String(selector));
      assert.equal(String(again), String(selector));
      assert.equal(again.matches(labels), selector.matches(labels));
    }),
  );
});

test('any field value survives escaping', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const selector = parseFieldSelector(`f=${selectors.escapeFieldValue(text)}`);
      assert.equal(selector.exactMatch('f'), text);
    }),
  );
});
