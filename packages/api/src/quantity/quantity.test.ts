/** Quantities against a table that upstream's own code printed, and against their laws. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Quantity, QuantityError, quantityMilli, quantityValue } from './index.ts';

// text, as written, format, negated, plus 1, 1 minus it: printed by k8s.io/apimachinery v0.36.3.
const TABLE: readonly (readonly [string, string, string, string, string, string])[] = [
  ['0', '0', 'DecimalSI', '0', '1', '1'],
  ['0n', '0', 'DecimalSI', '0', '1', '1'],
  ['0Ki', '0', 'BinarySI', '0', '1', '1'],
  ['1', '1', 'DecimalSI', '-1', '2', '0'],
  ['+5', '+5', 'DecimalSI', '-5', '6', '-4'],
  ['0005', '0005', 'DecimalSI', '-5', '6', '-4'],
  ['-0', '0', 'DecimalSI', '0', '1', '1'],
  ['0.0', '0', 'DecimalSI', '0', '1', '1'],
  ['.', '0', 'DecimalSI', '0', '1', '1'],
  ['1.', '1.', 'DecimalSI', '-1', '2', '0'],
  ['.001', '1m', 'DecimalSI', '-1m', '1001m', '999m'],
  ['1.005k', '1.005k', 'DecimalSI', '-1005', '1006', '-1004'],
  ['5.000k', '5k', 'DecimalSI', '-5k', '5001', '-4999'],
  ['1E3', '1E3', 'DecimalExponent', '-1e3', '1001', '-999'],
  ['1e3', '1e3', 'DecimalExponent', '-1e3', '1001', '-999'],
  ['1.3E+6', '1300e3', 'DecimalExponent', '-1300e3', '1300001', '-1299999'],
  ['1.40e9', '1400e6', 'DecimalExponent', '-1400e6', '1400000001', '-1399999999'],
  ['0.5e-2', '5e-3', 'DecimalExponent', '-5e-3', '1005e-3', '995m'],
  ['1E-9', '1E-9', 'DecimalExponent', '-1e-9', '1000000001e-9', '999999999n'],
  ['1001E', '1001E', 'DecimalSI', '-1001E', '1001000000000000000001', '-1000999999999999999999'],
  ['100m', '100m', 'DecimalSI', '-100m', '1100m', '900m'],
  ['0.1', '100m', 'DecimalSI', '-100m', '1100m', '900m'],
  ['0.5', '500m', 'DecimalSI', '-500m', '1500m', '500m'],
  ['0.0005k', '500m', 'DecimalSI', '-500m', '1500m', '500m'],
  ['0.00000012345', '124n', 'DecimalSI', '-124n', '1000000124n', '999999876n'],
  ['0.9n', '1n', 'DecimalSI', '-1n', '1000000001n', '999999999n'],
  ['1.1E-9', '2e-9', 'DecimalExponent', '-2e-9', '1000000002e-9', '999999998n'],
  ['3.001n', '4n', 'DecimalSI', '-4n', '1000000004n', '999999996n'],
  ['1e-20', '1e-9', 'DecimalExponent', '-1e-9', '1000000001e-9', '999999999n'],
  ['1Ki', '1Ki', 'BinarySI', '-1Ki', '1025', '-1023'],
  ['8Ki', '8Ki', 'BinarySI', '-8Ki', '8193', '-8191'],
  ['08Gi', '8Gi', 'BinarySI', '-8Gi', '8589934593', '-8589934591'],
  ['01Gi', '01Gi', 'BinarySI', '-1Gi', '1073741825', '-1073741823'],
  ['1.5Gi', '1536Mi', 'BinarySI', '-1536Mi', '1610612737', '-1610612735'],
  ['-1.5Gi', '-1536Mi', 'BinarySI', '1536Mi', '-1610612735', '1610612737'],
  ['1024Mi', '1Gi', 'BinarySI', '-1Gi', '1073741825', '-1073741823'],
  ['0.025Ti', '27487790694400m', 'BinarySI', '-27487790694400m', '27487790695400m', '-27487790693400m'],
  ['100.035Ki', '102435840m', 'BinarySI', '-102435840m', '102436840m', '-102434840m'],
  ['.001Ki', '1024m', 'BinarySI', '-1024m', '2024m', '-24m'],
  ['.000000000001Ki', '2n', 'DecimalSI', '-2n', '1000000002n', '999999998n'],
  ['1025', '1025', 'DecimalSI', '-1025', '1026', '-1024'],
  ['9Ei', '9223372036854775807', 'BinarySI', '-9223372036854775807', '8Ei', '-9223372036854775806'],
  ['9223372036854775807Ki', '9223372036854775807', 'BinarySI', '-9223372036854775807', '8Ei', '-9223372036854775806'],
  ['3Ei', '3Ei', 'BinarySI', '-3Ei', '3458764513820540929', '-3458764513820540927'],
  ['1000M', '1G', 'DecimalSI', '-1G', '1000000001', '-999999999'],
  ['1234567M', '1234567M', 'DecimalSI', '-1234567M', '1234567000001', '-1234566999999'],
  ['1e25', '10e24', 'DecimalExponent', '-10e24', '10000000000000000000000001', '-9999999999999999999999999'],
  [
    '123456789012345678901234567890',
    '123456789012345678901234567890',
    'DecimalSI',
    '-123456789012345678901234567890',
    '123456789012345678901234567891',
    '-123456789012345678901234567889',
  ],
  ['12.5', '12500m', 'DecimalSI', '-12500m', '13500m', '-11500m'],
  ['1536Mi', '1536Mi', 'BinarySI', '-1536Mi', '1610612737', '-1610612735'],
  ['250m', '250m', 'DecimalSI', '-250m', '1250m', '750m'],
  ['2.5', '2500m', 'DecimalSI', '-2500m', '3500m', '-1500m'],
  ['64Gi', '64Gi', 'BinarySI', '-64Gi', '68719476737', '-68719476735'],
];

test('quantities are read and written as upstream does', () => {
  const one = Quantity.parse('1');
  for (const [text, written, format, negated, plusOne, oneMinus] of TABLE) {
    const quantity = Quantity.parse(text);
    assert.deepEqual(
      [String(quantity), quantity.format, `${quantity.negate()}`, `${quantity.add(one)}`, `${one.sub(quantity)}`],
      [written, format, negated, plusOne, oneMinus],
      text,
    );
  }
});

test('text that is no quantity is refused with upstream wording', () => {
  const shape = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  for (const text of ['', 'x', '1.2.3', '1 Gi', ' 1', '1x', '1Gib']) {
    assert.throws(() => Quantity.parse(text), new QuantityError(shape), text);
  }
  for (const text of ['1e', '1mi', '1ki', '1ee3', '1E+', '--1', '1MM', '1e999999999']) {
    assert.throws(() => Quantity.parse(text), new QuantityError("unable to parse quantity's suffix"), text);
  }
  assert.throws(() => Quantity.parse('Ei'), new QuantityError('unable to parse numeric part of quantity'));
});

test('a value keeps its size where upstream drops the exponent', () => {
  assert.equal(String(Quantity.parse('1000E')), '1e21');
  assert.equal(Quantity.parse('1000E').compare(Quantity.parse('1e21')), 0);
});

test('values round away from zero', () => {
  assert.equal(Quantity.parse('1m').value(), 1);
  assert.equal(Quantity.parse('-1m').value(), -1);
  assert.equal(Quantity.parse('1u').milliValue(), 1);
  assert.equal(Quantity.parse('2.5').value(), 3);
  assert.equal(Quantity.parse('9.01').roundUp(-1).toString(), '9100m');
  assert.equal(Quantity.parse('0.1').toNumber(), 0.1);
  assert.equal(Quantity.parse('1Gi').scaledValue(0), 1073741824n);
});

test('zero takes the format of what is added to it', () => {
  assert.equal(String(Quantity.zero.add(Quantity.parse('1Gi'))), '1Gi');
  assert.equal(String(Quantity.zero.add(Quantity.parse('100m'))), '100m');
  assert.equal(String(Quantity.parse('1Gi').add(Quantity.parse('1G'))), '2073741824');
});

const amount = fc.integer({ min: -1_000_000_000, max: 1_000_000_000 });
const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'e3', 'E-3');
const text = fc
  .tuple(amount, fc.option(fc.nat(9999)), suffix)
  .map(([whole, fraction, tail]) => `${whole}${fraction === null ? '' : `.${fraction}`}${tail}`);

test('writing and reading again changes nothing', () => {
  fc.assert(
    fc.property(text, (source) => {
      const quantity = Quantity.parse(source);
      const again = Quantity.parse(String(quantity));
      assert.ok(again.equals(quantity));
      assert.equal(String(again.negate().negate()), String(quantity.negate().negate()));
    }),
  );
});

test('addition commutes, subtraction undoes it, order agrees with difference', () => {
  fc.assert(
    fc.property(text, text, (left, right) => {
      const a = Quantity.parse(left);
      const b = Quantity.parse(right);
      assert.ok(a.add(b).equals(b.add(a)));
      assert.ok(a.add(b).sub(b).equals(a));
      assert.equal(a.compare(b), a.sub(b).sign);
    }),
  );
});

test('the cheap readers agree with the exact ones', () => {
  fc.assert(
    fc.property(text, (source) => {
      const quantity = Quantity.parse(source);
      assert.equal(quantityMilli(source), quantity.milliValue());
      assert.equal(quantityValue(source), quantity.value());
    }),
  );
  assert.equal(quantityMilli('1.5'), 1500);
  assert.equal(quantityMilli(2), 2000);
  assert.equal(quantityMilli(0.25), 250);
  assert.equal(quantityValue('1Gi'), 1073741824);
});
