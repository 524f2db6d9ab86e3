/** The one string of busybox that is blanked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutLineNumbers } from './busybox-messages.ts';

test('the format of the line number is emptied, everything else stays', () => {
  const before = Buffer.from('a\0line %d: \0bad line %d: \0b');
  const after = Buffer.from(withoutLineNumbers(before));
  assert.equal(after.length, before.length);
  assert.equal(after.toString().replaceAll('\0', '|'), 'a|||||||||||bad line %d: |b');
  assert.deepEqual(Buffer.from(withoutLineNumbers(Buffer.from('none'))), Buffer.from('none'));
});
