/** Every failure ends as one line, what to do, and the exit code of its family. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from '@kapella/cli';
import type { Program } from '../../cluster/node/program.ts';
import { HostError } from '../../host/step.ts';
import { COMMANDS } from '../specs.ts';
import { reportFailure } from './failure.ts';
import { COMMAND_WORK } from './table.ts';

function report(error: unknown, json = false) {
  let out = '';
  let err = '';
  const program: Program = {
    execPath: '',
    script: '',
    cwd: '/',
    env: {},
    isInteractive: false,
    json,
    write: (text) => (out += text),
    writeError: (text) => (err += text),
    ask: async () => '',
  };
  return { code: reportFailure(error, program), out, err };
}

const errno = (code: string, more: object = {}) => Object.assign(new Error(`${code}: refused`), { code, ...more });

test('families have their exit codes', () => {
  assert.equal(report(new CliError('Usage', 'a', 'b')).code, 2);
  assert.equal(report(new HostError('MissingPackage', 'a', 'b')).code, 3);
  assert.equal(report(new HostError('RuntimeFailed', 'a', 'b')).code, 4);
  assert.equal(report(new HostError('Timeout', 'a', 'b')).code, 5);
  assert.equal(report(new Error('a')).code, 1);
});

test('one line says what, one what to do', () => {
  assert.equal(report(new CliError('Host', 'no root', 'sudo it')).err, 'kapella: no root\n  fix: sudo it\n');
  assert.equal(report(new Error('odd', { cause: new Error('deep') })).err, 'kapella: odd: deep\n');
});

test('what the operating system refused is named, however deep it lies', () => {
  const full = new Error('store not opened', { cause: errno('ENOSPC', { path: '/d/x' }) });
  assert.deepEqual(
    [report(full).code, report(full).err.split('\n')[0]],
    [3, 'kapella: no space left on the disk for /d/x'],
  );
  assert.match(
    report(new HostError('CommandFailed', 'unpacking', 'again', errno('ENOSPC'))).err,
    /no space left on the disk/,
  );
  assert.match(report(errno('EADDRINUSE', { port: 6443 })).err, /^kapella: port 6443 is in use\n {2}fix: .*--api-port/);
  assert.equal(report(errno('EACCES')).code, 3);
});

test('a program reads one JSON object', () => {
  const { out, err } = report(new CliError('Usage', 'bad', 'good'), true);
  assert.deepEqual(JSON.parse(out), { error: { family: 'Usage', message: 'bad', fix: 'good', exitCode: 2 } });
  assert.equal(err, '');
});

test('each command has work, examples, and no flag twice', () => {
  assert.deepEqual(COMMANDS.map(({ name }) => name).sort(), [...COMMAND_WORK.keys()].sort());
  for (const { name, examples, flags } of COMMANDS) {
    assert.ok(examples.length > 0, name);
    const names = flags.flatMap(({ flag, short }) => (short === undefined ? [flag] : [flag, short]));
    assert.equal(new Set(names).size, names.length, name);
  }
});
