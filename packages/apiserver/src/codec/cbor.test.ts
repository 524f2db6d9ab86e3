/** CBOR: the bytes that upstream writes, what it reads, and what it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cborWatchEvent, decodeCbor, encodeCbor } from './cbor.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

test('strings are byte strings, keys come in the order of RFC 8949, numbers are as short as can be', () => {
  const golden: readonly [unknown, string][] = [
    [{}, 'a0'],
    [{ b: 1, a: -1, aa: null }, 'a3 4161 20 4162 01 426161 f6'],
    [[true, false, 1.5, 65536, 'é'], '85 f5 f4 f93e00 1a00010000 42c3a9'],
    [{ x: undefined, y: [] }, 'a1 4179 80'],
    [Math.PI, 'fb400921fb54442d18'],
    [9_007_199_254_740_991, '1b001fffffffffffff'],
  ];
  for (const [value, expected] of golden) assert.equal(hex(encodeCbor(value)), `d9d9f7${expected.replaceAll(' ', '')}`);
  assert.throws(() => encodeCbor(Number.NaN));
});

test('what is written is read again', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const given = JSON.parse(JSON.stringify(value)) as unknown;
      assert.deepEqual(decodeCbor(encodeCbor(given)), given);
    }),
  );
});

test('text, lengths without end, and the tags of bytes and times are read', () => {
  const read: readonly [string, unknown][] = [
    ['a1 6161 6162', { a: 'b' }],
    ['bf 4161 9f 01 02 ff ff', { a: [1, 2] }],
    ['d9d9f7 d9d9f7 01', 1],
    ['d6 43 010203', 'AQID'],
    ['d7 42 beef', 'beef'],
    ['d5 42 fbff', '-_8'],
    ['c0 54 323031332d30332d32315432303a30343a30305a', '2013-03-21T20:04:00Z'],
    ['c1 1a 514b67b0', '2013-03-21T20:04:00.000Z'],
    ['d864 01', 1],
    ['a1 49 5f5f70726f746f5f5f a1 4178 01', JSON.parse('{"__proto__":{"x":1}}')],
  ];
  for (const [text, expected] of read) assert.deepEqual(decodeCbor(bytes(text)), expected, text);
});

test('what JSON has no value for is refused', () => {
  const refused: Readonly<Record<string, RegExp>> = {
    '': /EOF/,
    a1: /not enough entries/,
    'a2 6161 01 6161 02': /repeat|duplicate/,
    '01 02': /too many/,
    'a2 4161 01 6161 02': /duplicate map key/,
    'a1 01 02': /map key/,
    f7: /undefined/,
    f97e00: /NaN/,
    f97c00: /Infinity/,
    'c2 41 01': /big numbers/,
    '61 ff': /UTF-8/,
    '41 ff': /UTF-8/,
    '1bffffffffffffffff': /overflows int64/,
  };
  for (const [text, why] of Object.entries(refused)) assert.throws(() => decodeCbor(bytes(text)), why, text);
  assert.throws(() => decodeCbor(new Uint8Array(200_000).fill(0x81)), /^Error: cbor: /);
});

test('rubbish never comes out as anything but an error of its own', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (given) => {
      try {
        decodeCbor(given);
      } catch (error) {
        assert.match((error as Error).message, /^cbor: /);
      }
    }),
  );
});

test('an event of a watch is one item around the object', () => {
  const event = cborWatchEvent('ADDED', encodeCbor({ kind: 'X' }));
  assert.deepEqual(decodeCbor(event), { type: 'ADDED', object: { kind: 'X' } });
  assert.equal(
    hex(event),
    hex(encodeCbor({ type: 'ADDED', object: 0 })).replace(/00$/, hex(encodeCbor({ kind: 'X' }))),
  );
});
