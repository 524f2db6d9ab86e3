/** Against programs that every machine of ours has. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { pauseElf } from '@kapella/distro/host';
import { elfNeeds } from './elf.ts';

test('a dynamic program: its loader and libraries', () => {
  const needs = elfNeeds(readFileSync(process.execPath));
  assert.match(needs?.loader ?? '', /^\/lib.*\/ld-linux-/);
  assert.ok(needs?.libraries.includes('libc.so.6'));
  assert.ok(needs?.libraries.includes('libstdc++.so.6'));
});

test('a static program needs nothing', () => {
  assert.deepEqual(elfNeeds(pauseElf('amd64')), { loader: undefined, libraries: [] });
});

test('anything else is no program', () => {
  assert.equal(elfNeeds(Buffer.from('#!/bin/sh\n')), undefined);
  assert.equal(elfNeeds(Buffer.alloc(64)), undefined);
});
