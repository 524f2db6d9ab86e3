/** Set algebra on FieldsV1 against plain sets of paths, and the wire form. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  differenceOfFields,
  EMPTY_FIELDS,
  type Fields,
  fieldsOfPaths,
  hasPath,
  intersectFields,
  isEmptyFields,
  parseFields,
  pathsOf,
  recursiveDifferenceOfFields,
  sortFields,
  unionFields,
} from './fields.ts';
import { canonicalElement, compareElements, formatPath } from './path-element.ts';

const element = fc.constantFrom(
  'f:a',
  'f:b',
  'k:{"name":"x"}',
  'k:{"port":80}',
  'k:{"port":443}',
  'v:"s"',
  'v:1',
  'i:0',
);
const path = fc.array(element, { minLength: 1, maxLength: 4 });
const paths = fc.array(path, { maxLength: 8 });

const idOf = (steps: readonly string[]) => JSON.stringify(steps);
const plain = (set: Fields) => new Set(pathsOf(set).map(idOf));
const startsWith = (steps: readonly string[], prefix: readonly string[]) =>
  prefix.every((step, i) => steps[i] === step);

/** Every node is a path or leads to one. */
function checkShape(set: Fields, isRoot = true): void {
  assert.ok(!isRoot || set['.'] === undefined);
  const keys = Object.keys(set).filter((key) => key !== '.');
  assert.ok(set['.'] === undefined || keys.length > 0, 'a lone marker');
  for (const key of keys) checkShape(set[key] as Fields, false);
}

test('sets of fields behave as sets of paths', () => {
  fc.assert(
    fc.property(paths, paths, (left, right) => {
      const a = fieldsOfPaths(left);
      const b = fieldsOfPaths(right);
      const before = JSON.stringify([a, b]);
      const inA = new Set(left.map(idOf));
      const inB = new Set(right.map(idOf));
      assert.deepEqual(plain(a), inA);
      const results = {
        union: unionFields(a, b),
        intersection: intersectFields(a, b),
        difference: differenceOfFields(a, b),
        recursive: recursiveDifferenceOfFields(a, b),
      };
      for (const set of Object.values(results)) checkShape(set);
      assert.deepEqual(plain(results.union), inA.union(inB));
      assert.deepEqual(plain(results.intersection), inA.intersection(inB));
      assert.deepEqual(plain(results.difference), inA.difference(inB));
      const kept = left.filter((steps) => !right.some((prefix) => startsWith(steps, prefix)));
      assert.deepEqual(plain(results.recursive), new Set(kept.map(idOf)));
      assert.equal(JSON.stringify([a, b]), before, 'inputs stay');
      for (const steps of right) assert.equal(hasPath(a, steps), inA.has(idOf(steps)));
    }),
  );
});

test('what does not change is shared', () => {
  const a = fieldsOfPaths([['f:a', 'f:b'], ['f:c']]);
  assert.equal(unionFields(a, fieldsOfPaths([['f:c']])), a);
  assert.equal(differenceOfFields(a, fieldsOfPaths([['f:x']])), a);
  const less = differenceOfFields(a, fieldsOfPaths([['f:c']]));
  assert.equal(less['f:a'], a['f:a']);
  assert.ok(isEmptyFields(differenceOfFields(a, a)));
});

test('the wire form is read back the same, in order', () => {
  fc.assert(
    fc.property(paths, (list) => {
      const set = fieldsOfPaths(list);
      const again = parseFields(JSON.parse(JSON.stringify(sortFields(set))));
      assert.deepEqual(plain(again), plain(set));
      const keys = Object.keys(sortFields(set));
      assert.deepEqual(keys, keys.toSorted(compareElements));
    }),
  );
});

test('elements of a client become canonical, unknown kinds are dropped', () => {
  const parsed = parseFields({
    'f:spec': { 'k:{"port": 80, "name":"x"}': { '.': {}, 'f:port': {} }, 'z:what': { 'f:a': {} } },
    'f:a': { '.': {} },
  });
  assert.deepEqual(parsed, {
    'f:spec': { 'k:{"name":"x","port":80}': { '.': {}, 'f:port': {} } },
    'f:a': {},
  });
  assert.equal(canonicalElement('i:01'), 'i:1');
  assert.throws(() => parseFields({ nonsense: {} }), SyntaxError);
  assert.throws(() => parseFields({ 'k:{': {} }), SyntaxError);
  assert.deepEqual(parseFields(undefined), EMPTY_FIELDS);
});

test('names that objects inherit are ordinary fields', () => {
  const set = fieldsOfPaths([['f:__proto__', 'f:constructor'], ['f:toString']]);
  assert.ok(hasPath(set, ['f:__proto__', 'f:constructor']));
  assert.ok(!hasPath(set, ['f:valueOf']));
});

test('paths read as upstream prints them', () => {
  assert.equal(
    formatPath(['f:spec', 'f:containers', 'k:{"name":"web"}', 'f:ports', 'k:{"containerPort":80,"protocol":"TCP"}']),
    '.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"]',
  );
  assert.equal(formatPath(['f:metadata', 'f:finalizers', 'v:"a/b"']), '.metadata.finalizers[="a/b"]');
});
