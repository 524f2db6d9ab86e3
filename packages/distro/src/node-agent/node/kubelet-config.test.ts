import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readKubeletConfig } from './kubelet-config.ts';

test('a disk that is rather full takes neither Pods nor loaded images, unless the file says so', () => {
  const none = readKubeletConfig('');
  assert.equal(none.evictionHard['imagefs.available'], '5%');
  assert.equal(none.evictionHard['nodefs.available'], '5%');
  assert.equal(none.evictionHard['memory.available'], '100Mi');
  assert.equal(none.imageGCHighThresholdPercent, 100);

  const directory = mkdtempSync(join(tmpdir(), 'kapella-kubelet-config-'));
  try {
    const file = join(directory, 'kubelet.yaml');
    writeFileSync(file, 'imageGCHighThresholdPercent: 85\nevictionHard: {imagefs.available: 15%}\n');
    const given = readKubeletConfig(file);
    assert.equal(given.imageGCHighThresholdPercent, 85);
    assert.deepEqual({ ...given.evictionHard }, { 'imagefs.available': '15%' });
    writeFileSync(file, 'evictionHarder: {}\n');
    assert.throws(() => readKubeletConfig(file), /kubelet\.yaml: KubeletConfiguration: evictionHarder: unknown field/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
