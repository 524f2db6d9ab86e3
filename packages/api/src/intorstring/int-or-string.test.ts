/** Cases of upstream's intstr_test.go, and the laws of rounding. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IntOrStringError, intValueOf, parseIntOrString, scaledValueOf } from './index.ts';

test('text that spells an int32 is a number', () => {
  assert.equal(parseIntOrString('80'), 80);
  assert.equal(parseIntOrString('-1'), -1);
  assert.equal(parseIntOrString('2147483648'), '2147483648');
  assert.equal(parseIntOrString('http'), 'http');
  assert.equal(parseIntOrString('10%'), '10%');
  assert.equal(intValueOf('123'), 123);
  assert.equal(intValueOf('http'), 0);
  assert.equal(intValueOf(5), 5);
});

test('percentages are of the total, numbers as they are', () => {
  for (const [value, total, rounding, expected] of [
    [123, 1, 'up', 123],
    ['90%', 100, 'up', 90],
    ['90%', 95, 'up', 86],
    ['90%', 95, 'down', 85],
    ['25%', 10, 'up', 3],
    ['25%', 10, 'down', 2],
    ['0%', 10, 'up', 0],
    ['150%', 10, 'up', 15],
    ['25%', 0, 'up', 0],
  ] as const) {
    assert.equal(scaledValueOf(value, total, rounding), expected, `${value} of ${total}`);
  }
});

test('other text is refused', () => {
  const prefix = 'invalid value for IntOrString: ';
  assert.throws(
    () => scaledValueOf('1', 100, 'up'),
    new IntOrStringError(`${prefix}invalid type: string is not a percentage`),
  );
  assert.throws(
    () => scaledValueOf('a%', 100, 'up'),
    new IntOrStringError(`${prefix}invalid value "a%": strconv.Atoi: parsing "a": invalid syntax`),
  );
  assert.throws(() => scaledValueOf(undefined, 100, 'up'), new IntOrStringError('nil value for IntOrString'));
});

test('rounding brackets the exact share', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(10_000), (percent, total) => {
      const down = scaledValueOf(`${percent}%`, total, 'down');
      const up = scaledValueOf(`${percent}%`, total, 'up');
      assert.ok(down * 100 <= percent * total && percent * total <= up * 100);
      assert.ok(up - down <= 1);
    }),
  );
});
