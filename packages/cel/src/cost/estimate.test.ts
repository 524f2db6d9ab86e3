/** The figures of apiextensions-apiserver pkg/apiserver/schema/cel/compilation_test.go, TestCostEstimation. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonSchema } from '@kapella/api';
import { typeOfSchema } from '../check/schema-type.ts';
import { compileExpression } from '../environment.ts';
import { sizeAt, sizesOf } from './sizes.ts';

function costOf(schema: JsonSchema, rule: string): number {
  const type = typeOfSchema(schema, 'selfType', false);
  const sizes = sizesOf(schema, false);
  assert.ok(type !== undefined && sizes !== undefined);
  const variables = new Map([
    ['self', type],
    ['oldSelf', type],
  ]);
  const compiled = compileExpression(rule, { variables });
  assert.ok(compiled.ok, compiled.ok ? '' : compiled.text);
  return compiled.program.estimateCostMax((path) => sizeAt(sizes, path));
}

type Make = (max: number | undefined) => JsonSchema;

function primitive(type: string): JsonSchema {
  if (type === 'int-or-string') return { 'x-kubernetes-int-or-string': true };
  return ['duration', 'date', 'date-time'].includes(type) ? { type: 'string', format: type } : { type };
}
const limited = (name: string, max: number | undefined) => (max === undefined ? {} : { [name]: max });
const list =
  (items: JsonSchema): Make =>
  (max) => ({ type: 'array', items, ...limited('maxItems', max) });
const map =
  (values: JsonSchema): Make =>
  (max) => ({ type: 'object', additionalProperties: values, ...limited('maxProperties', max) });
const string: Make = (max) => ({ type: 'string', ...limited('maxLength', max) });
const object: JsonSchema = {
  type: 'object',
  required: ['required'],
  properties: { required: { type: 'string' }, optional: { type: 'string' } },
};
const nested: Make = (max) => ({
  type: 'array',
  ...limited('maxItems', max),
  items: {
    type: 'object',
    ...limited('maxProperties', max),
    additionalProperties: { ...object, ...limited('maxProperties', max) },
  },
});
const nestedOne: Make = (max) => ({
  type: 'array',
  items: { type: 'object', ...limited('maxProperties', max), additionalProperties: object },
});
const texts: Make = (max) => ({ ...list(string(max))(max) });

/** What, schema, rule, cost without limits (0: not said, -1: above 10,000,000), limit, cost with it. */
const CASES: readonly (readonly [string, Make, string, number, number, number])[] = [
  ['number array with all', list(primitive('number')), 'self.all(x, true)', 4718591, 10, 32],
  ['string array with all', list(primitive('string')), 'self.all(x, true)', 3145727, 20, 62],
  ['boolean array with all', list(primitive('boolean')), 'self.all(x, true)', 1887437, 5, 17],
  [
    'array of number arrays with all',
    list(list(primitive('number'))(undefined)),
    'self.all(x, true)',
    3145727,
    100,
    302,
  ],
  ['array of objects with all', list(object), 'self.all(x, true)', 555128, 50, 152],
  ['map of numbers with all', map(primitive('number')), 'self.all(x, true)', 1348169, 10, 32],
  ['map of strings with all', map(primitive('string')), 'self.all(x, true)', 1179647, 3, 11],
  ['map of booleans with all', map(primitive('boolean')), 'self.all(x, true)', 943718, 100, 302],
  ['string with contains', string, "self.contains('test')", 314574, 10, 5],
  ['string with startsWith', string, "self.startsWith('test')", 2, 15, 2],
  ['string with endsWith', string, "self.endsWith('test')", 2, 30, 2],
  ['concat string', string, 'size(self + "hello") > size("hello")', 314578, 4, 7],
  ['index of array with numbers', list(primitive('number')), 'self[1] == 0.0', 2, 5000, 2],
  ['index of array with strings', list(primitive('string')), 'self[1] == self[1]', 314577, 8, 314577],
  ['O(n^2) loop with numbers', list(primitive('number')), 'self.all(x, self.all(y, true))', -1, 10, 352],
  ['O(n^3) loop with numbers', list(primitive('number')), 'self.all(x, self.all(y, self.all(z, true)))', -1, 10, 3552],
  ['regex matches simple', string, 'self.matches("x")', 314574, 50, 22],
  ['regex matches empty string', string, '"".matches("(((((((((())))))))))[0-9]")', 7, 10, 7],
  ['regex matches empty regex', string, 'self.matches("")', 1, 100, 1],
  [
    'map of strings with value length',
    (max) => map(string(max))(max),
    'self.all(x, x.contains(self[x]))',
    2752507,
    10,
    72,
  ],
  ['set array maxLength to zero', list(primitive('number')), 'self[3] == 0.0', 2, 0, 2],
  ['set map maxLength to zero', map(primitive('number')), 'self["x"] == 0.0', 2, 0, 2],
  ['set string maxLength to zero', string, 'self == "x"', 2, 0, 1],
  ['set bytes maxLength to zero', (max) => ({ ...string(max), format: 'byte' }), 'self == b"x"', 2, 0, 1],
  [
    'maxLength above the estimate',
    list(primitive('number')),
    'self.all(x, x == 0.0)',
    6291454,
    3 * 1024 * 2048,
    25165826,
  ],
  ['nested types, all limited', nested, 'self.all(x, x["y"].required == "z")', 7340027, 10, 72],
  ['nested types, one limited', nestedOne, 'self.all(x, x["y"].required == "z")', 7340027, 10, 7340027],
  ['int-or-string array with all', list(primitive('int-or-string')), 'self.all(x, true)', 4718591, 10, 32],
  ['index of array with int-or-strings', list(primitive('int-or-string')), 'self[0] == 5', 3, 10, 3],
  ['index of array with booleans', list(primitive('boolean')), 'self[0] == false', 2, 25, 2],
  ['index of array of objects', list(object), 'self[0] == null', 2, 422, 2],
  ['index of array of arrays', list(list(primitive('number'))(undefined)), 'self[0][0] == -1.0', 3, 51, 3],
  [
    'array of number maps with all',
    list(map(primitive('number'))(undefined)),
    'self.all(x, x.y == 25.2)',
    6291452,
    12,
    74,
  ],
  ['index of array of number maps', list(map(primitive('number'))(undefined)), 'self[0].x > 2.0', 4, 3000, 4],
  ['duration array with all', list(primitive('duration')), 'self.all(x, true)', 2359295, 5, 17],
  ['index of duration array', list(primitive('duration')), 'self[0].getHours() == 2', 4, 525, 4],
  ['date array with all', list(primitive('date')), 'self.all(x, true)', 725936, 15, 47],
  ['index of date array', list(primitive('date')), 'self[2].getDayOfMonth() == 13', 4, 42, 4],
  ['date-time array with all', list(primitive('date-time')), 'self.all(x, true)', 428963, 25, 77],
  ['index of date-time array', list(primitive('date-time')), 'self[2].getMinutes() == 45', 4, 99, 4],
  ['map of int-or-strings with all', map(primitive('int-or-string')), 'self.all(x, true)', 1348169, 15, 47],
  ['map of objects with all', map(object), 'self.all(x, true)', 428963, 20, 62],
  ['map of number maps with all', map(map(primitive('number'))(undefined)), 'self.all(x, true)', 1179647, 10, 32],
  ['map of number arrays with all', map(list(primitive('number'))(undefined)), 'self.all(x, true)', 1179647, 25, 77],
  ['map of durations with all', map(primitive('duration')), 'self.all(x, true)', 1048577, 5, 17],
  ['map of dates with all', map(primitive('date')), 'self.all(x, true)', 524288, 10, 32],
  ['map of date-times with all', map(primitive('date-time')), 'self.all(x, true)', 349526, 25, 77],
  ['regex find', string, "self.find('[0-9]+') == ''", 629147, 10, 11],
  ['join', texts, "self.join(' ') == 'aa bb'", 329853068905, 10, 43],
  ['isSorted', texts, 'self.isSorted() == true', 329854432052, 10, 52],
  [
    'replace',
    (max) => ({
      type: 'object',
      properties: { str: string(max), before: string(2), after: string(4) },
    }),
    "self.str.replace(self.before, self.after) == 'does not matter'",
    629154,
    4,
    12,
  ],
  [
    'split',
    (max) => ({ type: 'object', properties: { str: string(max), separator: string(max) } }),
    'self.str.split(self.separator) == []',
    629160,
    10,
    22,
  ],
  ['lowerAscii', string, "self.lowerAscii() == 'lower!'", 314575, 10, 6],
  ['size call', map(primitive('integer')), 'oldSelf.size() == self.size()', 5, 10, 5],
  ['timestamp comparison', map(primitive('date-time')), 'self["a"] == self["b"]', 8, 7, 8],
  ['duration comparison', map(primitive('duration')), 'self["c"] == self["d"]', 8, 42, 8],
  ['enums', (max) => ({ ...string(max), enum: ['A', 'B', 'C', 'LongValue'] }), "self.contains('A')", 2, 1000, 401],
  [
    'int-or-string as a quantity',
    (max) => ({ 'x-kubernetes-int-or-string': true, ...limited('maxLength', max) }),
    'isQuantity(self)',
    314574,
    20,
    9,
  ],
];

describe('the worst cost of an expression is what upstream says', () => {
  for (const [what, make, rule, free, max, set] of CASES) {
    test(what, () => {
      const open = costOf(make(undefined), rule);
      if (free < 0) assert.ok(open > 10_000_000, String(open));
      else if (free > 0) assert.equal(open, free);
      assert.equal(costOf(make(max), rule), set);
    });
  }
});
