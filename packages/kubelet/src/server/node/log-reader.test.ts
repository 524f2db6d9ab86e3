/** Logs of real files, followed while they grow and are rotated. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { LogOptions } from '../log-format.ts';
import { sendLog } from './log-reader.ts';

const all: LogOptions = {
  ...{
    follow: true,
    timestamps: false,
    tailLines: undefined,
    sinceMs: undefined,
    limitBytes: undefined,
    stream: 'All',
  },
};
const line = (text: string) => `2026-01-01T00:00:00.000000000Z stdout F ${text}\n`;

test('what is written before and after a rotation comes in order, once, until the container has ended', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kapella-log-'));
  const path = join(dir, '0.log');
  writeFileSync(path, line('one'));
  const out = new PassThrough();
  let got = '';
  let wake: () => void = () => {};
  out.setEncoding('utf8').on('data', (text: string) => {
    got += text;
    wake();
  });
  const until = async (text: string) => {
    while (!got.endsWith(text)) await new Promise<void>((resolve) => (wake = resolve));
  };
  let isRunning = true;
  const stop = new AbortController();
  const done = sendLog(path, all, out, { isRunning: async () => isRunning }, stop.signal);
  await until('one\n');
  appendFileSync(path, line('two').slice(0, 50));
  appendFileSync(path, line('two').slice(50));
  await until('two\n');
  renameSync(path, `${path}.old`);
  appendFileSync(`${path}.old`, line('three'));
  writeFileSync(path, line('four'));
  await until('four\n');
  renameSync(path, `${path}.old`);
  writeFileSync(path, line('five'));
  isRunning = false;
  await done;
  assert.equal(got, 'one\ntwo\nthree\nfour\nfive\n');
  rmSync(dir, { recursive: true });
});

test('the last lines only, and no waiting when nobody follows', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kapella-log-'));
  const path = join(dir, '0.log');
  writeFileSync(path, ['a', 'b', 'c'].map(line).join(''));
  const out = new PassThrough();
  const options = { ...all, follow: false, tailLines: 2 };
  await sendLog(path, options, out, { isRunning: async () => true }, new AbortController().signal);
  out.end();
  const pieces = await out.toArray();
  assert.equal(Buffer.concat(pieces).toString(), 'b\nc\n');
  rmSync(dir, { recursive: true });
});
