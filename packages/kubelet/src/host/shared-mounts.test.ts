import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSharedAt } from './shared-mounts.ts';

const TABLE = `21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 21 0:5 / /data rw,relatime shared:7 master:2 - tmpfs tmpfs rw
31 30 0:6 / /data/with\\040space rw - tmpfs tmpfs rw
32 21 0:7 / /both rw - tmpfs tmpfs rw
33 32 0:8 / /both rw shared:9 - tmpfs tmpfs rw
`;

test('the deepest mount decides, and the last on one point', () => {
  assert.equal(isSharedAt(TABLE, '/var/lib'), false);
  assert.equal(isSharedAt(TABLE, '/data/pods'), true);
  assert.equal(isSharedAt(TABLE, '/data/with space/x'), false);
  assert.equal(isSharedAt(TABLE, '/database'), false);
  assert.equal(isSharedAt(TABLE, '/both'), true);
});
