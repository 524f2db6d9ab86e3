/** A case that fails is told with its causes, and does not keep the others from running. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCases } from './cases.ts';

test('cases are counted, and narrowed by name', async () => {
  const ran: string[] = [];
  const cases = [
    {
      name: 'breaks',
      run: () => Promise.reject(new Error('outer', { cause: new Error('inner') })),
    },
    { name: 'holds', run: async (context: string) => void ran.push(context) },
  ];
  assert.deepEqual(await runCases(cases, 'context', undefined), {
    passed: 1,
    failures: [{ name: 'breaks', why: 'outer: inner' }],
  });
  assert.deepEqual(ran, ['context']);
  assert.deepEqual(await runCases(cases, 'context', '^holds$'), { passed: 1, failures: [] });
  await assert.rejects(runCases(cases, 'context', 'nothing'), /no case matches/);
});
