/** Where webhooks are asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestCtx } from '../test-support.ts';
import type { ServerAccess } from '../resource.ts';
import { callWebhook } from './webhook-client.ts';

/** A webhook by URL needs nothing of the server. */
const NO_SERVER = {} as ServerAccess;

async function askedUrl(url: string, tellsTimeout = false): Promise<string> {
  let asked = '';
  const caller = async (request: { readonly url: string }) => {
    asked = request.url;
    return { status: 200, headers: {}, body: new TextEncoder().encode('{}') };
  };
  const call = { config: { url }, body: {}, timeoutMs: 5_000, tellsTimeout };
  await callWebhook(caller, NO_SERVER, call, createTestCtx());
  return asked;
}

test('the path of a webhook is cleaned, as client-go does it', async () => {
  assert.equal(await askedUrl('https://localhost:9443//failing'), 'https://localhost:9443/failing');
  assert.equal(await askedUrl('https://localhost:9443/a/./b/../c/'), 'https://localhost:9443/a/c');
  assert.equal(await askedUrl('https://localhost:9443'), 'https://localhost:9443/');
  assert.equal(await askedUrl('https://[::1]:1/x', true), 'https://[::1]:1/x?timeout=5s');
});
