/** Which packages are asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aptInstallCommand, HOST_PACKAGES, missingPackages } from './packages.ts';

const names = (commands: readonly string[], files: readonly string[] = []) =>
  missingPackages(HOST_PACKAGES, { hasCommand: (c) => commands.includes(c), hasFile: (f) => files.includes(f) }).map(
    ({ name }) => name,
  );

test('a bare machine lacks all of them', () => {
  assert.deepEqual(
    names([]),
    HOST_PACKAGES.map(({ name }) => name),
  );
});

test('a containerd that someone else brought is used, but only whole', () => {
  assert.ok(!names(['containerd', 'containerd-shim-runc-v2', 'ctr']).includes('containerd'));
  assert.ok(names(['containerd']).includes('containerd'));
});

test('a package without commands is known by its file', () => {
  assert.ok(names([]).includes('ca-certificates'));
  assert.ok(!names([], ['/etc/ssl/certs/ca-certificates.crt']).includes('ca-certificates'));
});

test('recommended packages are not installed', () => {
  assert.ok(aptInstallCommand(['runc']).includes('--no-install-recommends'));
});
