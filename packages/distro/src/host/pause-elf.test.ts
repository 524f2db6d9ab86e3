/** The pause program, byte by byte where it cannot run and by running it where it can. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CpuArch, pauseElf } from './pause-elf.ts';

for (const cpu of ['amd64', 'arm64'] as const) {
  test(`${cpu}: a small static executable whose one segment is the file`, () => {
    const bytes = pauseElf(cpu);
    const view = new DataView(bytes.buffer);
    assert.deepEqual([...bytes.subarray(0, 4)], [0x7f, 0x45, 0x4c, 0x46]);
    assert.equal(view.getUint16(18, true), cpu === 'amd64' ? 62 : 183);
    assert.equal(view.getBigUint64(96, true), BigInt(bytes.length));
    const entry = Number(view.getBigUint64(24, true) - view.getBigUint64(80, true));
    assert.equal(entry, 120);
    assert.ok(bytes.length < 400);
  });
}

const here = ({ x64: 'amd64', arm64: 'arm64' } as Record<string, CpuArch | undefined>)[arch()];

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`waits and ends with code 0 on ${signal}`, async () => {
    assert.ok(here !== undefined, `no pause program for ${arch()}`);
    const dir = mkdtempSync(join(tmpdir(), 'pause-'));
    try {
      const file = join(dir, 'pause');
      writeFileSync(file, pauseElf(here));
      chmodSync(file, 0o755);
      const child = spawn(file);
      await once(child, 'spawn');
      const handled = () => /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
      while (handled() !== '0000000000004002') await new Promise((resolve) => setImmediate(resolve));
      assert.match(readFileSync(`/proc/${child.pid}/status`, 'utf8'), /^SigIgn:\s*[0-9a-f]*1[0-9a-f]{4}$/m);
      child.kill(signal);
      assert.deepEqual(await once(child, 'exit'), [0, null]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}
