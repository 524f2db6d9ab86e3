/** What it does through the API is in ../../policies/policies.test.ts; here: without a binding nothing is done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeServer, requestFor, testCtx } from '../../testing/fake-server.ts';
import { validatingAdmissionPolicy } from './validating-admission-policy.plugin.ts';

test('without a binding, objects pass as they are', async () => {
  const policy = {
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'p' },
    spec: { validations: [{ expression: 'false' }] },
  };
  const server = fakeServer([policy]);
  const request = requestFor('configmaps', {
    object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'm' } } as never,
  });
  assert.ok(validatingAdmissionPolicy.handles(request));
  const { admit, validate } = validatingAdmissionPolicy;
  assert.equal(await admit?.(request, server, testCtx()), undefined);
  assert.equal(await validate?.(request, server, testCtx()), undefined);
});
