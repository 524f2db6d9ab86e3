/** Paths of printer columns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJsonPath } from './json-path.ts';

const object = {
  metadata: { name: 'n', labels: { 'a.b/c': 'x' } },
  status: {
    conditions: [
      { type: 'A', n: 1 },
      { type: 'B', n: 5, list: [1, 2] },
    ],
  },
};

const table: readonly (readonly [path: string, ...found: unknown[]])[] = [
  ['.metadata.name', 'n'],
  ['{.metadata.name}', 'n'],
  ['$.metadata.name', 'n'],
  ['.metadata.missing.deeper'],
  [".metadata.labels['a.b/c']", 'x'],
  ['.metadata.labels.a\\.b/c', 'x'],
  ['.status.conditions[1].type', 'B'],
  ['.status.conditions[-1].type', 'B'],
  ['.status.conditions[*].type', 'A', 'B'],
  ['.status.conditions[?(@.type=="B")].list[0]', 1],
  [".status.conditions[?(@.type=='A')].n", 1],
  ['.status.conditions[?(@.n>2)].type', 'B'],
  ['.status.conditions[?(@.list)].type', 'B'],
  ['.status.constructor'],
];

for (const [path, ...found] of table) {
  test(`${path} finds ${JSON.stringify(found)}`, () => assert.deepEqual(parseJsonPath(path)(object), found));
}

test('what is no path is told', () => {
  assert.throws(() => parseJsonPath('.a[?(x)]'), /unrecognized character in path/);
});
