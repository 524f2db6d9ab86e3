/** Admission policies through the API: what expressions check and change, for whom, and what is told. */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { mutatingAdmissionPolicy } from '../plugins/mutating-admission-policy/mutating-admission-policy.plugin.ts';
import { validatingAdmissionPolicy } from '../plugins/validating-admission-policy/validating-admission-policy.plugin.ts';
import { startTestApi, type TestApi } from '../testing/node/test-api.ts';

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const MAPS = '/api/v1/namespaces/default/configmaps';
let api: TestApi;

afterEach(() => api[Symbol.dispose]());

const rule = { operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

async function start(type: 'validating' | 'mutating', spec: object, binding: object = {}): Promise<void> {
  api = await startTestApi([mutatingAdmissionPolicy, validatingAdmissionPolicy]);
  await add(type, 'p', spec, binding);
}

async function add(type: 'validating' | 'mutating', name: string, spec: object, binding: object = {}): Promise<void> {
  const body = { failurePolicy: 'Fail', matchConstraints: { resourceRules: [rule] }, ...spec };
  const policy = await api.ask('POST', `${GROUP}/${type}admissionpolicies`, { metadata: { name }, spec: body });
  const bound = { policyName: name, validationActions: ['Deny'], ...binding };
  const made = await api.ask('POST', `${GROUP}/${type}admissionpolicybindings`, {
    metadata: { name: `b${name}` },
    spec: bound,
  });
  assert.deepEqual([policy.status, made.status], [201, 201]);
}

const create = (name: string, data: object = {}, more: object = {}) =>
  api.ask('POST', MAPS, { metadata: { name, ...more }, data });

describe('validating', () => {
  test('a check that does not hold refuses in the words of its policy', async () => {
    await start('validating', { validations: [{ expression: "object.data.size != 'big'", message: 'too big' }] });
    assert.equal((await create('a', { size: 'small' })).status, 201);
    const { status, json } = await create('b', { size: 'big' });
    assert.deepEqual([status, json.reason], [422, 'Invalid']);
    assert.equal(
      json.message,
      `configmaps "b" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'bp' denied request: too big`,
    );
    assert.equal((await api.ask('GET', `${MAPS}/b`)).status, 404);
  });

  test('messages may be expressions, reasons give the code, and without words the expression is told', async () => {
    await start('validating', {
      variables: [{ name: 'size', expression: 'int(object.data.size)' }],
      validations: [
        { expression: 'variables.size < 10', messageExpression: "'is ' + string(variables.size)", reason: 'Forbidden' },
        { expression: 'variables.size != 5' },
      ],
    });
    const big = await create('a', { size: '12' });
    assert.deepEqual([big.status, big.json.reason], [403, 'Forbidden']);
    assert.match(big.json.message, /denied request: is 12$/);
    assert.match(
      (await create('a', { size: '5' })).json.message,
      /denied request: failed expression: variables.size != 5$/,
    );
  });

  test('an error refuses or not, as the policy says', async () => {
    await start('validating', { validations: [{ expression: 'object.data.missing == "x"' }] });
    const { status, json } = await create('a', { n: '1' });
    assert.equal(status, 422);
    assert.match(json.message, /expression 'object.data.missing == "x"' resulted in error: no such key: missing$/);
    api[Symbol.dispose]();
    await start('validating', { failurePolicy: 'Ignore', validations: [{ expression: 'object.data.missing == "x"' }] });
    assert.equal((await create('a')).status, 201);
  });

  test('bindings choose what becomes of a failure', async () => {
    await start(
      'validating',
      { validations: [{ expression: 'false', message: 'no' }] },
      { validationActions: ['Warn', 'Audit'] },
    );
    const { status, warning } = await create('a');
    assert.equal(status, 201);
    assert.deepEqual(warning, [`299 - "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'bp': no"`]);
  });

  test('conditions, selectors and exclusions narrow what is checked', async () => {
    const excludeResourceRules = [{ ...rule, resourceNames: ['free'] }];
    await start(
      'validating',
      {
        matchConstraints: { resourceRules: [rule], excludeResourceRules },
        matchConditions: [
          { name: 'not-admins', expression: "request.userInfo.username != 'admin' && object.data.check == 'yes'" },
        ],
        validations: [{ expression: 'false' }],
      },
      { matchResources: { objectSelector: { matchLabels: { app: 'x' } } } },
    );
    const labels = { labels: { app: 'x' } };
    assert.equal((await create('a', { check: 'yes' }, labels)).status, 422);
    assert.equal((await create('b', { check: 'no' }, labels)).status, 201);
    assert.equal((await create('c', { check: 'yes' })).status, 201);
    assert.equal((await create('free', { check: 'yes' }, labels)).status, 201);
  });

  test('params are objects that bindings name; one that is missing refuses', async () => {
    await start(
      'validating',
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        matchConditions: [{ name: 'not-limits', expression: "object.metadata.name != 'limits'" }],
        validations: [
          {
            expression: 'int(object.data.n) <= int(params.data.max)',
            messageExpression: "'at most ' + params.data.max",
          },
        ],
      },
      { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } },
    );
    const early = await create('a', { n: '1' });
    assert.match(early.json.message, /failed to configure binding: no params found for policy binding with `Deny`/);
    api[Symbol.dispose]();
    api = await startTestApi([validatingAdmissionPolicy]);
    await create('limits', { max: '3' });
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
    const validations = [{ expression: 'int(object.data.n) <= int(params.data.max)' }];
    await add(
      'validating',
      'p',
      { paramKind, validations },
      { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } },
    );
    assert.equal((await create('a', { n: '3' })).status, 201);
    assert.equal((await create('b', { n: '4' })).status, 422);
  });

  test('the namespace, the old object and the authorizer are there', async () => {
    await start('validating', {
      validations: [
        { expression: "namespaceObject.metadata.labels.team == 'a'" },
        {
          expression:
            "oldObject == null || oldObject.data.n == object.data.n || authorizer.requestResource.check('custom').allowed()",
        },
      ],
    });
    assert.equal((await create('a', { n: '1' })).status, 201);
    assert.equal((await api.ask('PATCH', `${MAPS}/a`, { data: { n: '2' } })).status, 200);
  });
});

describe('mutating', () => {
  test('what is applied is merged', async () => {
    const expression =
      'Object{metadata: Object.metadata{labels: {"made": "yes"}}, data: {"size": object.data.size + "!"}}';
    await start('mutating', { mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }] });
    const { status, json } = await create('a', { size: 'big', other: '1' }, { labels: { app: 'x' } });
    assert.equal(status, 201, JSON.stringify(json));
    assert.deepEqual(json.metadata.labels, { app: 'x', made: 'yes' });
    assert.deepEqual(json.data, { size: 'big!', other: '1' });
  });

  test('patches are applied in turn, each to what the one before left', async () => {
    const patch = (value: string) => ({
      patchType: 'JSONPatch',
      jsonPatch: { expression: `[JSONPatch{op: "add", path: "/data/" + jsonpatch.escapeKey("a/b"), value: ${value}}]` },
    });
    await start('mutating', { mutations: [patch('"1"'), patch('object.data["a/b"] + "2"')] });
    assert.deepEqual((await create('a', { n: '1' })).json.data, { n: '1', 'a/b': '12' });
  });

  test('a mutation that fails refuses the request', async () => {
    const expression = '[JSONPatch{op: "remove", path: "/data/none"}]';
    await start('mutating', { mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }] });
    const { status, json } = await create('a');
    assert.equal(status, 422);
    assert.match(json.message, /^policy 'p' with binding 'bp' denied request: /);
  });
});
