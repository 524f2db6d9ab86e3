/** kubectl is there and runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '@kapella/distro/host/node';
import { ensureKubectl } from './kubectl.ts';

test('a kubectl of the version under test', async () => {
  const { stdout } = await run(await ensureKubectl(), ['version', '--client']);
  assert.match(stdout, /Client Version: v1\.36\./);
});
