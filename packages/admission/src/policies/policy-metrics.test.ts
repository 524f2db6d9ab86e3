/** What policies decide and how long their expressions take is counted under upstream's names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestApi } from '../testing/node/test-api.ts';
import { validatingAdmissionPolicy } from '../plugins/validating-admission-policy/validating-admission-policy.plugin.ts';

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const matchConstraints = {
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
};

test('each thing done about a failed check is counted, and what passes is timed only', async () => {
  using api = await startTestApi([validatingAdmissionPolicy]);
  const validations = [{ expression: "object.metadata.name != 'bad'" }, { expression: "object.data['a'] == 'x'" }];
  const spec = { matchConstraints, validations };
  await api.ask('POST', `${GROUP}/validatingadmissionpolicies`, { metadata: { name: 'p' }, spec });
  await api.ask('POST', `${GROUP}/validatingadmissionpolicybindings`, {
    metadata: { name: 'b' },
    spec: { policyName: 'p', validationActions: ['Warn', 'Audit'] },
  });
  const create = (name: string, data: object) =>
    api.ask('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name }, data });
  assert.equal((await create('good', { a: 'x' })).status, 201);
  assert.doesNotMatch(api.metrics(), /policy_check/);
  assert.match(api.metrics(), /^apiserver_cel_compilation_duration_seconds_count [1-9]/m);
  assert.match(api.metrics(), /^apiserver_cel_evaluation_duration_seconds_count 1$/m);
  assert.equal((await create('bad', {})).status, 201);
  const total = (errorType: string, action: string) =>
    'apiserver_validating_admission_policy_check_total{policy="p",policy_binding="b",' +
    `error_type="${errorType}",enforcement_action="${action}"} 1\n`;
  for (const action of ['warn', 'audit']) {
    assert.ok(api.metrics().includes(total('no_error', action)), api.metrics());
    assert.ok(api.metrics().includes(total('invalid_error', action)), api.metrics());
  }
});
