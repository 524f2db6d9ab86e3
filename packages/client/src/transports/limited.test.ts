/** Requests take turns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { limitedTransport } from '../index.ts';
import type { ApiRequest, ApiResponse } from '../transport.ts';

test('so many are under way, the others follow in order, and a failure leaves its place', async () => {
  const ctx: Ctx = {
    ...{ signal: new AbortController().signal, log: silentLogger },
    ...{ clock: createVirtualClock(), random: createSeededRandom() },
  };
  const begun: string[] = [];
  const ends: PromiseWithResolvers<ApiResponse>[] = [];
  const request = ({ path }: ApiRequest) => {
    begun.push(path);
    const end = Promise.withResolvers<ApiResponse>();
    ends.push(end);
    return end.promise;
  };
  const limited = limitedTransport({ request, close: async () => {} }, 2);
  const settled = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  const answer = { status: 200, headers: {}, body: new Uint8Array() };
  const count = 3_000;
  const sent = Array.from({ length: count }, (_, i) =>
    limited.request({ method: 'GET', path: `/${i}`, query: '', headers: {} }, ctx),
  );
  await settled();
  assert.deepEqual(begun, ['/0', '/1']);
  ends[1]?.reject(new Error('cut off'));
  await assert.rejects(sent[1] as Promise<ApiResponse>, /cut off/);
  await settled();
  assert.deepEqual(begun, ['/0', '/1', '/2']);
  for (let i = 0; i < count; i++) {
    ends[i]?.resolve(answer);
    await settled();
  }
  await Promise.allSettled(sent);
  assert.deepEqual(
    begun,
    Array.from({ length: count }, (_, i) => `/${i}`),
  );
});
