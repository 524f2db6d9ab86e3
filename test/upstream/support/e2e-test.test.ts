/** What ginkgo reports, counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readReport } from './e2e-test.ts';

test('a ginkgo report counts what ran', () => {
  const spec = (text: string, State: string, LeafNodeType = 'It') => ({
    ContainerHierarchyTexts: ['[sig-x] A'],
    LeafNodeText: text,
    LeafNodeType,
    State,
  });
  const failed = { ...spec('fails', 'failed'), Failure: { Message: 'why' } };
  const setUp = spec('report', 'passed', 'ReportAfterSuite');
  const { passed, failures } = readReport([
    { SpecReports: [setUp, spec('one', 'passed'), spec('two', 'skipped'), failed] },
  ]);
  assert.equal(passed, 1);
  assert.deepEqual(failures, [{ name: '[sig-x] A fails', why: 'why' }]);
});

test('a set-up that fails is told', () => {
  const broken = { ContainerHierarchyTexts: null, LeafNodeText: '', LeafNodeType: 'SynchronizedBeforeSuite' };
  const report = [{ SpecReports: [{ ...broken, State: 'failed', Failure: { Message: 'no nodes' } }] }];
  assert.deepEqual(readReport(report), { passed: 0, failures: [{ name: '', why: 'no nodes' }] });
});
