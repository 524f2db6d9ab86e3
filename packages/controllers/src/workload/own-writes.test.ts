/** What was written counts until the cache shows it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOwnWrites } from './own-writes.ts';

const object = (uid: string, resourceVersion: string) =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: uid, uid, resourceVersion } }) as never;

test('behind until the cache shows the last write, whatever it is of', () => {
  const writes = createOwnWrites();
  assert.equal(writes.isBehind('o', [object('a', '1')]), false);
  writes.wrote('o', object('a', '9'));
  writes.wrote('o', object('a', '10'));
  writes.wrote('o', object('b', '12'));
  assert.equal(writes.isBehind('o', [object('a', '9'), object('b', '12')]), true);
  assert.equal(writes.isBehind('other', [object('a', '9')]), false);
  assert.equal(writes.isBehind('o', [object('a', '10'), object('b', '11')]), true);
  // Another object of the same name is not what was written, and one that is not there cannot be waited for.
  assert.equal(writes.isBehind('o', [object('c', '1'), object('b', '13')]), false);
  assert.equal(writes.isBehind('o', [object('a', '1')]), false, 'seen once is enough');
  writes.wrote('o', object('a', '20'));
  writes.forget('o');
  assert.equal(writes.isBehind('o', [object('a', '1')]), false);
});
