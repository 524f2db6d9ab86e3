/** What Go says of its tests is counted by what has no subtests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTests } from './apiextensions.suite.ts';

test('tests and subtests are counted once, with what a failed one said', () => {
  const text = [
    '=== RUN   TestA',
    '--- FAIL: TestA (0.10s)',
    '    --- FAIL: TestA/one (0.00s)',
    '    --- PASS: TestA/two (0.00s)',
    '=== RUN   TestB',
    '--- PASS: TestB (0.10s)',
    '=== RUN   TestC',
    '    c_test.go:7: not here',
    'panic: oh [recovered, repanicked]',
    '--- FAIL: TestC (0.10s)',
    '--- SKIP: TestD (0.00s)',
  ].join('\n');
  assert.deepEqual(readTests(text), {
    passed: 2,
    failures: [
      { name: 'TestA/one', why: 'see go-test.txt' },
      { name: 'TestC', why: 'c_test.go:7: not here\npanic: oh [recovered, repanicked]' },
    ],
  });
});
