/** pytest's summary, counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSummary } from './python.suite.ts';

test('what passed, failed and broke is counted; what was skipped is not', () => {
  const text = [
    '=== short test summary info ===',
    'PASSED kubernetes/e2e_test/test_batch.py::TestClientBatch::test_job_apis',
    'SKIPPED [1] kubernetes/e2e_test/test_utils.py:639: Pod startup timeout',
    'FAILED a.py::T::test_x - AssertionError: 1 != 2',
    'ERROR b.py - ImportError',
  ].join('\n');
  assert.deepEqual(readSummary(text), {
    passed: 1,
    failures: [
      { name: 'a.py::T::test_x', why: 'AssertionError: 1 != 2' },
      { name: 'b.py', why: 'ImportError' },
    ],
  });
  assert.throws(() => readSummary('no tests ran'), /ran nothing/);
});
