/** What `go test -json` prints, counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEvents } from './controller-runtime.suite.ts';

test('specs are counted where there are some, tests elsewhere', () => {
  const events = [
    {
      Action: 'output',
      Package: 'a',
      Test: 'TestSuite',
      Output: 'FAIL! -- \u001b[32m3 Passed\u001b[0m | 1 Failed | 0 Pending\n',
    },
    { Action: 'output', Package: 'a', Test: 'TestSuite', Output: '  \u001b[31m[FAIL]\u001b[0m Client [It] works\n' },
    { Action: 'fail', Package: 'a', Test: 'TestSuite' },
    { Action: 'pass', Package: 'b', Test: 'TestOne' },
    { Action: 'pass', Package: 'b', Test: 'TestOne/part' },
    { Action: 'fail', Package: 'b', Test: 'TestTwo' },
    { Action: 'fail', Package: 'b', Test: 'TestApiMachinery' },
  ];
  const { passed, failures } = readEvents(events.map((event) => JSON.stringify(event)).join('\n'));
  assert.equal(passed, 4);
  assert.deepEqual(
    failures.map(({ name }) => name),
    ['a: Client [It] works', 'b: TestTwo'],
  );
});
