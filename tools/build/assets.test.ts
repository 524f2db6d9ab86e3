/** Whatever a package reads from beside its source must lie beside the bundle, too. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ASSETS } from './assets.ts';

test('every protobuf definition of the packages goes with the program', () => {
  const root = join(import.meta.dirname, '../..');
  const found = globSync('packages/*/src/**/*.proto', { cwd: root });
  assert.ok(found.length > 0);
  const shipped = new Set(ASSETS.map(({ from }) => from));
  assert.deepEqual(
    found.filter((path) => !shipped.has(path)),
    [],
  );
});
