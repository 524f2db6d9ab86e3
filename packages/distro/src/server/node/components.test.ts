/** Lists of controllers as users write them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from '@kapella/cli';
import { readControllerList } from './components.ts';

test('names that no controller has are told in upstream’s words', () => {
  assert.deepEqual(readControllerList('--controllers', '*, -job'), ['*', '-job']);
  assert.ok(readControllerList('--controllers', '').includes('token-cleaner-controller'));
  assert.throws(
    () => readControllerList('--controllers', '*,-foo'),
    (error) => error instanceof CliError && error.message.includes('"foo" is not in the list of known controllers'),
  );
});
