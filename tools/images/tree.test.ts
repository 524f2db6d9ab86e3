/** A small tree with the oddities of Debian's: links across directories, both places of a merged /usr. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { directoryEntries, programEntries, resolveIn } from './tree.ts';

let tree = '';
before(() => {
  tree = mkdtempSync(`${tmpdir()}/tree-`);
  for (const dir of ['usr/bin', 'lib/x', 'etc/a/b']) mkdirSync(`${tree}/${dir}`, { recursive: true });
  writeFileSync(`${tree}/lib/x/real.so.1.2`, 'not elf');
  symlinkSync('real.so.1.2', `${tree}/lib/x/real.so.1`);
  symlinkSync('/lib/x/real.so.1', `${tree}/usr/bin/absolute`);
  symlinkSync('loop', `${tree}/usr/bin/loop`);
  writeFileSync(`${tree}/etc/a/b/file`, 'text');
  symlinkSync('/etc/passwd', `${tree}/etc/a/link`);
});
after(() => rmSync(tree, { recursive: true }));

test('links are followed inside the tree, /usr or not', () => {
  assert.equal(resolveIn(tree, '/usr/lib/x/real.so.1'), `${tree}/lib/x/real.so.1.2`);
  assert.equal(resolveIn(tree, '/usr/bin/absolute'), `${tree}/lib/x/real.so.1.2`);
});

test('what is not there, or never ends, is an error that names it', () => {
  assert.throws(() => resolveIn(tree, '/usr/bin/none'), /\/usr\/bin\/none/);
  assert.throws(() => resolveIn(tree, '/usr/bin/loop'), /loop/);
});

test('a program is taken by its name with the content of what it leads to', async () => {
  const [entry, ...rest] = await programEntries(tree, ['/usr/bin/absolute']);
  assert.equal(entry?.path, '/usr/bin/absolute');
  assert.equal(entry?.type, 'file');
  assert.deepEqual(rest, []);
});

test('a directory keeps its links', async () => {
  const entries = await directoryEntries(tree, '/etc/a');
  const link = entries.find(({ path }) => path === '/etc/a/link');
  assert.deepEqual(link, { type: 'symlink', path: '/etc/a/link', target: '/etc/passwd' });
  assert.deepEqual(entries.map(({ path }) => path).sort(), ['/etc/a/b', '/etc/a/b/file', '/etc/a/link']);
});
