/** A node asks for certificates of its own name alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOnlyCommonName } from '../certificates/subject.ts';

/** DER of an attribute: its type, the kind of its text, the text. */
const attribute = (type: number, text: string, length: readonly number[] = [text.length]) =>
  Uint8Array.from([0x06, 0x03, 0x55, 0x04, type, 0x0c, ...length, ...new TextEncoder().encode(text)]);
const request = (...parts: readonly Uint8Array[]) => {
  const body = Buffer.concat([Buffer.from([0x30, 0x10]), ...parts, Buffer.from([0, 0])]).toString('base64');
  return btoa(`-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`);
};
const COMMON_NAME = 3;

test('its own name and no other, wherever it may be hidden', () => {
  const own = attribute(COMMON_NAME, 'system:node:n1');
  const isOwn = (...parts: readonly Uint8Array[]) => isOnlyCommonName(request(...parts), 'system:node:n1');
  assert.equal(isOwn(attribute(10, 'system:nodes'), own), true);
  assert.equal(isOwn(attribute(COMMON_NAME, 'system:node:n2')), false);
  assert.equal(isOwn(attribute(COMMON_NAME, 'system:node:n2'), own), false);
  assert.equal(isOwn(own, attribute(COMMON_NAME, 'system:node:n2')), false);
  assert.equal(isOwn(attribute(COMMON_NAME, 'system:node:n2', [0x81, 14]), own), false);
  assert.equal(isOwn(attribute(10, 'system:nodes')), false);
  assert.equal(isOnlyCommonName(btoa('nothing'), 'system:node:n1'), false);
  assert.equal(isOnlyCommonName('%', 'system:node:n1'), false);
});
