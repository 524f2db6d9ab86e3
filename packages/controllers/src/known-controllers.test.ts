/** Names as upstream's users write them, and the page that says which of them there are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { controllers } from './index.ts';
import { CLUSTER_CONTROLLERS, isSelected, KNOWN_CONTROLLERS, unknownControllers } from './known-controllers.ts';

test('a list selects by name, by alias, and by default', () => {
  const cases: readonly [name: string, list: string, selected: boolean][] = [
    ['job-controller', '*', true],
    ['job-controller', '', false],
    ['job-controller', 'job-controller', true],
    ['job-controller', 'job', true],
    ['job-controller', '-job-controller', false],
    ['job-controller', '*,-job', false],
    ['job-controller', '-job,*', false],
    ['job-controller', 'job,-job', true],
    ['cronjob-controller', 'job', false],
    ['bootstrap-signer-controller', '*', false],
    ['bootstrap-signer-controller', '*,bootstrapsigner', true],
    ['storage-version-migrator-controller', '*', false],
    ['service-lb-controller', '*', true],
    ['token-cleaner-controller', CLUSTER_CONTROLLERS.join(), true],
  ];
  for (const [name, list, selected] of cases)
    assert.equal(isSelected(name, list.split(',')), selected, `${name} ${list}`);
});

test('words that name nothing are told', () => {
  assert.deepEqual(unknownControllers(['*', 'job', '-foo', 'bar', '-cronjob-controller']), ['foo', 'bar']);
});

test('every controller of ours is one of upstream’s, and the page tells which there are', () => {
  const names = new Set(KNOWN_CONTROLLERS.map(({ name }) => name));
  for (const { name } of controllers) assert.ok(names.has(name), name);
  const page = readFileSync(new URL('../../../docs/controllers.md', import.meta.url), 'utf8');
  const rows = new Map([...page.matchAll(/^\| `([a-z0-9-]+)` \|.*\| ([a-z]+)[^|]*\|$/gm)].map((m) => [m[1], m[2]]));
  const have = new Set(controllers.map(({ name }) => name));
  for (const name of names) assert.ok(rows.has(name), `docs/controllers.md: ${name}`);
  for (const [name = '', answer] of rows)
    if (answer === 'yes') assert.ok(have.has(name), `docs/controllers.md: ${name}`);
});
