/** Policies against the kinds they match. The cases are those of upstream's e2e test validatingadmissionpolicy.go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admissionregistrationV1 } from '@kapella/api';
import type { ValidatingAdmissionPolicy } from '@kapella/api/types/admissionregistration-v1';
import { createTestBed } from '../shared/test-bed.ts';
import { inlined } from './schemas.ts';
import { createPolicyStatusController } from './validatingadmissionpolicy-status.controller.ts';

const SCHEMAS = {
  'io.example.Job': {
    type: 'object',
    properties: {
      metadata: { allOf: [{ $ref: '#/components/schemas/Meta' }], default: {} },
      spec: { allOf: [{ $ref: '#/components/schemas/Spec' }], default: {} },
    },
    'x-kubernetes-group-version-kind': [{ group: 'example.com', version: 'v1', kind: 'Job' }],
  },
  Meta: { type: 'object', properties: { name: { type: 'string' } } },
  Spec: {
    type: 'object',
    properties: {
      replicas: { type: 'integer' },
      port: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
      next: { $ref: '#/components/schemas/Spec' },
    },
  },
};

function policy(name: string, spec: object): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name, generation: 1 },
    spec: {
      matchConstraints: { resourceRules: [{ apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['jobs'] }] },
      ...spec,
    },
  };
}

async function statusOf(given: object): Promise<NonNullable<ValidatingAdmissionPolicy['status']>> {
  const bed = createTestBed();
  const answer = bed.api.request.bind(bed.api);
  const body = (value: object) => ({ status: 200, headers: {}, body: new TextEncoder().encode(JSON.stringify(value)) });
  bed.api.request = async (request, ctx) => {
    if (request.path === '/apis/example.com/v1') return body({ resources: [{ name: 'jobs', kind: 'Job' }] });
    if (request.path === '/openapi/v3/apis/example.com/v1') return body({ components: { schemas: SCHEMAS } });
    return answer(request, ctx);
  };
  bed.api.seed(given);
  await bed.start(createPolicyStatusController(bed.deps));
  const [found] = bed.api.objects(admissionregistrationV1.ValidatingAdmissionPolicy);
  await bed.stop();
  assert.ok(found?.status !== undefined, JSON.stringify(bed.logs));
  return found.status;
}

test('expressions that fit are told by an empty result', async () => {
  const status = await statusOf(
    policy('fine', {
      variables: [{ name: 'spec', expression: 'object.spec' }],
      validations: [
        { expression: 'object.spec.replicas > 1 && variables.spec.replicas < 5' },
        { expression: "object.metadata.name != 'x' && object.spec.port == 80", messageExpression: "'a' + string(1)" },
      ],
    }),
  );
  assert.deepEqual(status, { observedGeneration: 1, typeChecking: {} });
});

test('expressions that do not fit are told with their place', async () => {
  const status = await statusOf(
    policy('confused', {
      variables: [{ name: 'spec', expression: 'object.spec' }],
      validations: [
        { expression: "object.spec.replicas > '1'", messageExpression: "'wants more, got ' + object.spec.replicas" },
        { expression: 'variables.spec.maxRetries < 10' },
      ],
    }),
  );
  assert.equal(status.observedGeneration, 1);
  assert.deepEqual(
    status.typeChecking?.expressionWarnings?.map(({ fieldRef, warning }) => [fieldRef, warning.split('\n')[0]]),
    [
      [
        'spec.validations[0].expression',
        "example.com/v1, Kind=Job: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'",
      ],
      [
        'spec.validations[0].messageExpression',
        "example.com/v1, Kind=Job: ERROR: <input>:1:20: found no matching overload for '_+_' applied to '(string, int)'",
      ],
      ['spec.validations[1].expression', "example.com/v1, Kind=Job: ERROR: <input>:1:15: undefined field 'maxRetries'"],
    ],
  );
});

test('kinds that do not exist, and rules with wildcards, say nothing', async () => {
  for (const rule of [
    { apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['others'] },
    { apiGroups: ['*'], apiVersions: ['v1'], resources: ['jobs'] },
    { apiGroups: ['gone.example.com'], apiVersions: ['v1'], resources: ['jobs', 'jobs/status'] },
  ]) {
    const spec = { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'object.nothing == 1' }] };
    assert.deepEqual(await statusOf(policy('p', spec)), { observedGeneration: 1, typeChecking: {} });
  }
});

test('schemas that refer to themselves come to an end', () => {
  const schema = inlined(SCHEMAS.Spec as never, SCHEMAS as never);
  assert.equal(schema.properties?.next?.properties?.next?.['x-kubernetes-preserve-unknown-fields'], true);
});
