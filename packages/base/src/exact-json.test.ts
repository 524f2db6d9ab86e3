/** Integers of 64 bits in JSON: all their digits, and plain numbers wherever these are exact. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mayHoldLongIntegers, parseExactJson, stringifyExactJson } from './exact-json.ts';

const cases: readonly (readonly [text: string, value: unknown])[] = [
  ['{"a":1,"b":[2.5,-3]}', { a: 1, b: [2.5, -3] }],
  ['9007199254740991', 9007199254740991],
  ['9007199254740993', 9007199254740993n],
  ['{"a":[-9223372036854775808,9223372036854775807]}', { a: [-9223372036854775808n, 9223372036854775807n] }],
  ['"9007199254740993"', '9007199254740993'],
  // Beyond 64 bits and with a fraction or exponent, Go reads a float64.
  ['9223372036854775808', 2 ** 63],
  ['[9007199254740993.5,9007199254740992e2]', [2 ** 53 + 2, 2 ** 53 * 100]],
];

for (const [text, value] of cases) test(`reads ${text}`, () => assert.deepEqual(parseExactJson(text), value));

test('what was read is written with the same digits', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), fc.string(), (integers, text) => {
      const json = `{"integers":[${integers.join(',')}],"text":${JSON.stringify(text)}}`;
      assert.equal(stringifyExactJson(parseExactJson(json)), json);
    }),
  );
});

test('a run of 16 digits is found wherever it stands, and no shorter one', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '1', '0'), maxLength: 80 }), (text) => {
      assert.equal(mayHoldLongIntegers(text), /\d{16}/.test(text));
    }),
  );
});

test('what is no JSON is refused as ever', () => {
  assert.throws(() => parseExactJson('{"a":90071992547409931'), SyntaxError);
  const ring: unknown[] = [];
  ring.push(ring);
  assert.throws(() => stringifyExactJson(ring), TypeError);
});
