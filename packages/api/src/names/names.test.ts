/** Validators against what upstream's own code answered: golden.json, from k8s.io/apimachinery v0.36.3. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import golden from './golden.json' with { type: 'json' };
import * as names from './index.ts';

const warners: readonly string[] = ['warningsForIp', 'warningsForCidr'];

for (const [name, rows] of Object.entries(golden)) {
  test(`${name} says what upstream says`, () => {
    const validate = (names as unknown as Record<string, (...args: unknown[]) => string[]>)[name];
    assert.ok(validate, `${name} is exported`);
    for (const [value = '', ...messages] of rows) {
      const prefixed = name.startsWith('nameIs');
      const found: string[] = warners.includes(name)
        ? validate('f', value)
        : prefixed
          ? validate(value, true)
          : validate(value);
      assert.deepEqual(found, messages, JSON.stringify(value));
    }
  });
}

test('an old value of a legacy field stays valid', () => {
  assert.deepEqual(names.validateIpForLegacyField('010.0.0.1', ['010.0.0.1']), []);
  assert.deepEqual(names.validateCidrForLegacyField('10.0.0.1/8', ['10.0.0.1/8']), []);
});

test('port numbers', () => {
  const message = 'must be between 1 and 65535, inclusive';
  assert.deepEqual(names.validatePortNumber(0), [message]);
  assert.deepEqual(names.validatePortNumber(65536), [message]);
  assert.deepEqual(names.validatePortNumber(1), []);
  assert.deepEqual(names.validateUserId(2 ** 31), ['must be between 0 and 2147483647, inclusive']);
});

test('a generateName may end in a dash, a name may not', () => {
  assert.deepEqual(names.nameIsDnsSubdomain('web-', true), []);
  assert.equal(names.nameIsDnsSubdomain('web-', false).length, 1);
  assert.deepEqual(names.nameIsPathSegment('..', true), []);
  assert.deepEqual(names.nameIsPathSegment('..', false), ["may not be '..'"]);
});

test('addresses are written canonically and read back the same', () => {
  const octets = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const sparse = octets.map((bytes) => bytes.map((byte) => (byte % 3 === 0 ? byte : 0)));
  fc.assert(
    fc.property(fc.oneof(octets, sparse), fc.nat(128), (bytes, bits) => {
      const text = names.formatIp({ bytes, family: 6, mapped: false, sloppy: false });
      assert.deepEqual(names.parseIp(text)?.bytes, bytes);
      const cidr = names.parseCidr(`${text}/${bits}`);
      assert.ok(cidr !== undefined);
      if (cidr.network.family === 6) assert.deepEqual(names.validateCidr(names.formatCidr(cidr)), []);
    }),
  );
});

test('byteLength counts UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(names.byteLength(text), new TextEncoder().encode(text).length);
    }),
  );
});
