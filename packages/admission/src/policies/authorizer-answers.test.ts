/** Expressions ask an authorizer that answers later: they are evaluated again, and decide by the answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attributes, Authorizer } from '@kapella/apiserver';
import { type Json, startTestApi } from '../testing/node/test-api.ts';
import { validatingAdmissionPolicy } from '../plugins/validating-admission-policy/validating-admission-policy.plugin.ts';
import { mutatingAdmissionPolicy } from '../plugins/mutating-admission-policy/mutating-admission-policy.plugin.ts';

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

/** Allows what is about a resource of this name, after a while. */
function later(allowed: string, asked: Attributes[]): Authorizer {
  return {
    async authorize(attributes) {
      asked.push(attributes);
      await new Promise((resolve) => setTimeout(resolve, 1));
      return { decision: attributes.resource === allowed ? 'allow' : 'none', reason: '' };
    },
  };
}

const matchConstraints = {
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
};

async function startWith(authorizer: Authorizer, kind: 'Validating' | 'Mutating', spec: object) {
  const plugins = [mutatingAdmissionPolicy, validatingAdmissionPolicy];
  const api = await startTestApi(plugins, new Map([['immediateAuthorizer', authorizer]]));
  const policies = `${GROUP}/${kind.toLowerCase()}admissionpolicies`;
  const more = kind === 'Mutating' ? { reinvocationPolicy: 'Never' } : {};
  await api.ask('POST', policies, { metadata: { name: 'p' }, spec: { matchConstraints, ...more, ...spec } });
  const binding = { policyName: 'p', ...(kind === 'Validating' && { validationActions: ['Deny'] }) };
  await api.ask('POST', `${GROUP}/${kind.toLowerCase()}admissionpolicybindings`, {
    metadata: { name: 'b' },
    spec: binding,
  });
  return api;
}

const may = (resource: string) => `authorizer.group('').resource('${resource}').check('get').allowed()`;

test('a validation waits for what it asks, once for each question', async () => {
  const asked: Attributes[] = [];
  const validations = [{ expression: `${may('secrets')} && !${may('nodes')}` }];
  using api = await startWith(later('secrets', asked), 'Validating', { validations });
  assert.equal((await api.ask('POST', CONFIG_MAPS, { metadata: { name: 'a' } })).status, 201);
  assert.deepEqual(
    asked.map(({ resource }) => resource),
    ['secrets', 'nodes'],
  );
  using strict = await startWith(later('nodes', []), 'Validating', { validations });
  const refused = await strict.ask('POST', CONFIG_MAPS, { metadata: { name: 'a' } });
  assert.equal(refused.status, 422);
});

test('conditions wait too, and so do changes', async () => {
  const validations = [{ expression: 'false' }];
  const matchConditions = [{ name: 'c', expression: may('secrets') }];
  using out = await startWith(later('nodes', []), 'Validating', { validations, matchConditions });
  assert.equal((await out.ask('POST', CONFIG_MAPS, { metadata: { name: 'a' } })).status, 201);
  using within = await startWith(later('secrets', []), 'Validating', { validations, matchConditions });
  assert.equal((await within.ask('POST', CONFIG_MAPS, { metadata: { name: 'a' } })).status, 422);
  const expression = `[JSONPatch{op: "add", path: "/data", value: {"may": string(${may('secrets')})}}]`;
  using changed = await startWith(later('secrets', []), 'Mutating', {
    ...{ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }], failurePolicy: 'Fail' },
  });
  const made: Json = await changed.ask('POST', CONFIG_MAPS, { metadata: { name: 'a' } });
  assert.deepEqual(made.json.data, { may: 'true' });
});
