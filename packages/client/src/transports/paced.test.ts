/** Requests a second: a burst at once, the rest at the pace, in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { pacedTransport } from '../index.ts';
import type { ApiRequest } from '../transport.ts';

test('a burst goes at once, the rest one by one, and a rest fills the bucket again', async () => {
  const clock = createVirtualClock();
  const ctx: Ctx = {
    ...{ signal: new AbortController().signal, log: silentLogger },
    ...{ clock, random: createSeededRandom() },
  };
  const sent: (readonly [path: string, atMs: number])[] = [];
  const request = async ({ path }: ApiRequest) => {
    sent.push([path, clock.monotonicMs() - startMs]);
    return { status: 200, headers: {}, body: new Uint8Array() };
  };
  const paced = pacedTransport({ request, close: async () => {} }, { perSecond: 10, burst: 3 });
  const startMs = clock.monotonicMs();
  const ask = (path: string) => paced.request({ method: 'GET', path, query: '', headers: {} }, ctx);
  const all = ['a', 'b', 'c', 'd', 'e'].map(ask);
  await clock.advance(1_000);
  await Promise.all(all);
  assert.deepEqual(sent, [
    ['a', 0],
    ['b', 0],
    ['c', 0],
    ['d', 100],
    ['e', 200],
  ]);
  await clock.advance(10_000);
  sent.length = 0;
  const more = ['f', 'g', 'h', 'i'].map(ask);
  await clock.advance(1_000);
  await Promise.all(more);
  assert.deepEqual(
    sent.map(([path, atMs]) => [path, atMs - 11_000]),
    [
      ['f', 0],
      ['g', 0],
      ['h', 0],
      ['i', 100],
    ],
  );
});
