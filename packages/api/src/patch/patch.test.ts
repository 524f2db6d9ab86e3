/** Patches against what upstream's own code made of them: golden.json, from the libraries of Kubernetes 1.36.3. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@kapella/base';
import fc from 'fast-check';
import { createTypeFacts } from '../facts/index.ts';
import golden from './golden.json' with { type: 'json' };
import { applyJsonPatch, applyMergePatch, applyStrategicMergePatch } from './index.ts';

const facts = createTypeFacts();
const TYPE_IDS = { Pod: 'core/v1.Pod', Deployment: 'apps/v1.Deployment' } as const;

function apply(kind: string, document: unknown, patch: unknown): unknown {
  if (kind === 'json') return applyJsonPatch(document, patch);
  if (kind === 'merge') return applyMergePatch(document, patch);
  return applyStrategicMergePatch(document, patch, TYPE_IDS[kind as keyof typeof TYPE_IDS], facts);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}

test('patches give what upstream gives, and change no input', () => {
  for (const { kind, document, patch, result, error } of golden) {
    deepFreeze(document);
    deepFreeze(patch);
    const what = JSON.stringify({ kind, document, patch });
    if (error === undefined) {
      assert.deepEqual(apply(kind, document, patch), result, what);
      continue;
    }
    try {
      apply(kind, document, patch);
      assert.fail(`no error for ${what}`);
    } catch (thrown) {
      assert.ok(thrown instanceof ApiError, String(thrown));
      const text = thrown.cause instanceof Error ? thrown.cause.message : thrown.message;
      assert.equal(text, error, what);
    }
  }
});

const errorOf = (act: () => unknown): ApiError => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ApiError);
    return error;
  }
  return assert.fail('no error');
};

test('a failed operation answers 422 with upstream wording', () => {
  const error = errorOf(() => applyJsonPatch({ a: 1 }, [{ op: 'test', path: '/a', value: 2 }]));
  assert.equal(error.code, 422);
  assert.equal(error.message, 'the server rejected our request due to an error in our request');
  assert.equal((error.cause as Error).message, 'testing value /a failed: test failed');
});

test('JSON Patch has limits', () => {
  const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 }));
  const error = errorOf(() => applyJsonPatch({ a: 1 }, many));
  assert.equal(error.code, 413);
  assert.equal(
    error.message,
    'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
  );
  const doubling = Array.from({ length: 40 }, () => ({ op: 'copy', from: '', path: '/a' }));
  assert.equal(errorOf(() => applyJsonPatch({ a: 'x' }, doubling)).code, 422);
  const growing = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/a', path: `/a/${i}` }));
  const tooMuch = errorOf(() => applyJsonPatch({ a: { x: 'y' } }, growing));
  assert.match(
    (tooMuch.cause as Error).message,
    /^Unable to complete the copy, the accumulated size increase of copy is/,
  );
});

test('what is no patch is a bad request', () => {
  for (const [patch, type] of [
    [{}, 'object'],
    ['x', 'string'],
    [1, 'number'],
    [true, 'bool'],
  ] as const) {
    const error = errorOf(() => applyJsonPatch({}, patch));
    assert.equal(error.code, 400);
    assert.equal(
      error.message,
      `error decoding patch: json: cannot unmarshal ${type} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  assert.equal(errorOf(() => applyJsonPatch({}, [1])).code, 400);
  assert.equal(errorOf(() => applyMergePatch({}, [])).code, 400);
  assert.equal(errorOf(() => applyMergePatch({}, null)).message, 'Invalid JSON Patch');
  assert.equal(errorOf(() => applyStrategicMergePatch({}, [], 'core/v1.Pod', facts)).code, 400);
});

test('no key reaches a prototype', () => {
  const evil = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}');
  const results = [
    applyMergePatch({ a: 1 }, evil),
    applyMergePatch(applyMergePatch({}, evil), evil),
    applyStrategicMergePatch({}, { metadata: { labels: evil } }, 'core/v1.Pod', facts),
    applyStrategicMergePatch(
      { metadata: { labels: { a: 'b' } } },
      { metadata: { labels: evil } },
      'core/v1.Pod',
      facts,
    ),
    applyJsonPatch({ a: {} }, [
      { op: 'add', path: '/a/__proto__', value: { polluted: true } },
      { op: 'add', path: '/a/__proto__/polluted', value: true },
    ]),
  ];
  for (const result of results) assert.equal(Object.getPrototypeOf(result), Object.prototype);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.equal(errorOf(() => applyJsonPatch({}, [{ op: 'add', path: '/__proto__/polluted', value: 1 }])).code, 422);
  assert.equal(errorOf(() => applyJsonPatch({}, [{ op: 'remove', path: '/toString' }])).code, 422);
});

test('a merge patch shares what it does not touch', () => {
  const document = { a: { b: 1 }, c: { d: 2 } };
  const result = applyMergePatch(document, { a: { b: 2 } }) as typeof document;
  assert.equal(result.c, document.c);
  const patched = applyJsonPatch(document, [{ op: 'replace', path: '/a/b', value: 3 }]) as typeof document;
  assert.equal(patched.c, document.c);
  assert.deepEqual(patched.a, { b: 3 });
});

test('a field without a merge key in the type is upstream wording', () => {
  const error = errorOf(() =>
    applyStrategicMergePatch({ spec: { bad: {} } }, { spec: { bad: {} } }, 'core/v1.Pod', facts),
  );
  assert.equal(error.code, 500);
  assert.equal(error.message, 'unable to find api field in struct PodSpec for the json field "bad"');
});

const json = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, fc.constantFrom(1, 'x', true, null), tie('array'), tie('object')),
  array: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'c/d'), tie('value'), {
    maxKeys: 3,
    noNullPrototype: true,
  }),
}));

// Without arrays: upstream's library prunes nulls in an array only where the document had no object.
const patchTree = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, fc.constantFrom(1, 'x', null), tie('object')),
  object: fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
}));

test('a merge patch twice is a merge patch once', () => {
  fc.assert(
    fc.property(json.object, patchTree.object, (document, patch) => {
      const once = applyMergePatch(document, patch);
      assert.deepEqual(applyMergePatch(once, patch), once);
    }),
  );
});

test('what is added and removed again is as it was', () => {
  fc.assert(
    fc.property(json.object, json.value, (document, value) => {
      const operations = [
        { op: 'add', path: '/fresh', value },
        { op: 'test', path: '/fresh', value },
        { op: 'copy', from: '/fresh', path: '/other' },
        { op: 'move', from: '/other', path: '/moved' },
        { op: 'remove', path: '/moved' },
        { op: 'remove', path: '/fresh' },
      ];
      assert.deepEqual(applyJsonPatch(document, operations), document);
    }),
  );
});
