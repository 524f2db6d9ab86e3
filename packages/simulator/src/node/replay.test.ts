/** The same seed writes the same log in another process, whatever its time zone, language, memory and processors. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const PROGRAM = join(import.meta.dirname, 'sim.ts');

interface Told {
  readonly code: number | null;
  readonly text: string;
}

function run(args: readonly string[], env: Readonly<Record<string, string>>, flags: readonly string[]): Promise<Told> {
  const child = spawn(process.execPath, [...flags, PROGRAM, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, text }));
  });
}

test('one seed, two processes that have nothing else in common: equal logs, byte for byte', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kapella-sim-'));
  try {
    const args = (file: string) => [
      '--seed',
      '5',
      '--scenario',
      'storm',
      '--hours',
      '0.02',
      '--log',
      join(folder, file),
    ];
    // At once, so that each is a load on the other.
    const [first, second] = await Promise.all([
      run(args('a'), { TZ: 'UTC', LANG: 'C' }, []),
      run(args('b'), { TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', UV_THREADPOOL_SIZE: '1' }, [
        '--single-threaded',
        '--max-semi-space-size=2',
      ]),
    ]);
    const line = /^seed 5 hash ([0-9a-f]{64}), [\d.]+ h virtual, [\d.]+ s real$/m;
    assert.match(first.text, line);
    assert.equal(line.exec(first.text)?.[1], line.exec(second.text)?.[1]);
    assert.deepEqual([first.code, second.code], [0, 0]);
    assert.ok(readFileSync(join(folder, 'a')).equals(readFileSync(join(folder, 'b'))));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
