/** The audit log on a real disk: appended, put aside when full, tidied. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { openRotatingFile } from './rotating-file.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);
let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kapella-audit-'));
});
after(() => rm(directory, { recursive: true }));

const NO_LIMITS = { bytesMax: 0, ageMsMax: 0, backupsMax: 0, compress: false };

test('every line is there when its write is told done, in order', async () => {
  const path = join(directory, 'a', 'audit.log');
  const file = await openRotatingFile(path, NO_LIMITS, ctx);
  const lines = Array.from({ length: 200 }, (_, i) => `line ${i}\n`);
  await Promise.all(lines.map((line) => file.write(line)));
  assert.equal(await readFile(path, 'utf8'), lines.join(''));
  await file.close();
  await assert.rejects(file.write('late\n'), /closed/);
  const again = await openRotatingFile(path, NO_LIMITS, ctx);
  await again.write('more\n');
  assert.equal(await readFile(path, 'utf8'), `${lines.join('')}more\n`);
  await again.close();
});

test('a full file is put aside under upstream names; old and too many ones go, the rest is compressed', async () => {
  const path = join(directory, 'b', 'audit.log');
  const options = { bytesMax: 100, ageMsMax: 86_400_000, backupsMax: 2, compress: true };
  const file = await openRotatingFile(path, options, ctx);
  await writeFile(join(directory, 'b', 'audit-2020-01-01T00-00-00.000.log'), 'old');
  await writeFile(join(directory, 'b', 'unrelated.log'), 'mine');
  for (let i = 0; i < 12; i++) {
    await file.write(`${String(i).padStart(39, '-')}\n`);
    await new Promise((resolve) => setTimeout(resolve, 2)); // backups are told apart by milliseconds
  }
  await file.close();
  const names = (await readdir(join(directory, 'b'))).sort();
  const backups = names.filter((name) => /^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log\.gz$/.test(name));
  assert.equal(backups.length, 2, names.join(' '));
  assert.deepEqual(
    names.filter((name) => !backups.includes(name)),
    ['audit.log', 'unrelated.log'],
  );
  const last = gunzipSync(await readFile(join(directory, 'b', backups[1] as string))).toString();
  assert.match(last, /-8\n-+9\n$/);
});
