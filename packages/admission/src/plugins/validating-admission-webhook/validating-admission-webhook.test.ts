/** What it does through the API is in ../../webhooks/webhooks.test.ts; here: nothing to ask costs nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeServer, requestFor, testCtx } from '../../testing/fake-server.ts';
import { validatingAdmissionWebhook } from './validating-admission-webhook.plugin.ts';

test('without a configuration, objects pass as they are', async () => {
  const request = requestFor('configmaps', {
    object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'm' } } as never,
  });
  assert.ok(validatingAdmissionWebhook.handles(request));
  const { admit, validate } = validatingAdmissionWebhook;
  assert.equal(await admit?.(request, fakeServer([]), testCtx()), undefined);
  assert.equal(await validate?.(request, fakeServer([]), testCtx()), undefined);
});
