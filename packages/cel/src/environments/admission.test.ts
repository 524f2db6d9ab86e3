/** Variables of admission are typed as upstream's: what no request has is refused when the expression is written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileExpression } from '../environment.ts';
import { policyTypes } from './admission.ts';

const namespaceObject = {
  metadata: { labels: { team: 'a' }, creationTimestamp: '2026-01-01T00:00:00Z' },
  status: { phase: 'Active' },
};

function outcome(source: string): unknown {
  const compiled = compileExpression(source, { variables: policyTypes(false) });
  if (!compiled.ok) return compiled.text.split('\n')[0];
  return compiled.program.evaluate({ namespaceObject }).value;
}

test('what there is can be used, and what there is not is named', () => {
  for (const [source, expected] of [
    ["namespaceObject.metadata.labels['team'] == 'a'", true],
    ["namespaceObject.metadata.creationTimestamp < timestamp('2027-01-01T00:00:00Z')", true],
    ["namespaceObject.status.phase == 'Active' && namespaceObject != null", true],
    ['has(namespaceObject.metadata.annotations)', false],
    ["namespaceObject.metadata.uid == ''", "ERROR: <input>:1:25: undefined field 'uid'"],
    ['namespaceObject.foo == 1', "ERROR: <input>:1:16: undefined field 'foo'"],
    ["request.userInfo.name == 'a'", "ERROR: <input>:1:17: undefined field 'name'"],
    ['request.kind.kind == 1', "ERROR: <input>:1:19: found no matching overload for '_==_' applied to '(string, int)'"],
    ["params.a == 'b'", "ERROR: <input>:1:1: undeclared reference to 'params' (in container '')"],
  ] as const) {
    assert.equal(outcome(source), expected, source);
  }
});
