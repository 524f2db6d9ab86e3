import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimKubeletDir, releaseKubeletDir } from './kubelet-dir.ts';

test('the first to come has it, a dead link is taken over, a real directory is left alone', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'kapella-kubelet-dir-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const [one, two, link] = [join(dir, 'one'), join(dir, 'two'), join(dir, 'kubelet')];
  await mkdir(one);
  await mkdir(two);
  assert.equal(await claimKubeletDir(one, link), link);
  assert.equal(await claimKubeletDir(one, link), link);
  assert.equal(await claimKubeletDir(two, link), two);
  assert.equal(await releaseKubeletDir(two, link), false);
  await rm(one, { recursive: true });
  assert.equal(await claimKubeletDir(two, link), link);
  assert.equal(await readlink(link), two);
  assert.equal(await releaseKubeletDir(two, link), true);
  await mkdir(link);
  assert.equal(await claimKubeletDir(two, link), two);
  assert.equal(await releaseKubeletDir(two, link), false);
});
