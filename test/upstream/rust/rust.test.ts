/** What Rust's test harness prints, counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLibtest } from './rust.suite.ts';

test('tests of several crates are counted, and failures told with their panic', () => {
  const text = [
    'running 2 tests',
    'test lib::one ... ok',
    'test lib::two ... FAILED',
    '',
    '---- lib::two stdout ----',
    "thread 'lib::two' panicked at src/lib.rs:1:2:",
    'not what was expected',
    '',
    'running 1 test',
    'test other::three ... ok',
  ].join('\n');
  const { passed, failures } = readLibtest(text);
  assert.equal(passed, 2);
  assert.deepEqual(
    failures.map(({ name }) => name),
    ['lib::two'],
  );
  assert.match(failures[0]?.why ?? '', /not what was expected/);
  assert.throws(() => readLibtest('error: could not compile'), /ran nothing/);
});
