/** Leader election where the API hangs: found by simulation, seed 3 of the scenario `mixed`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coordinationV1 } from '@kapella/api';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { createClient } from '../create-client.ts';
import { createFakeApi } from '../fake/index.ts';
import type { Transport } from '../transport.ts';
import { runAsLeader } from './leader-election.ts';

const LEASE = { namespace: 'kube-system', name: 'l', identity: 'a' };

function setUp() {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  let isHanging = false;
  const transport: Transport = {
    request: (request, inner) => (isHanging ? new Promise(() => {}) : api.request(request, inner)),
    close: async () => {},
  };
  const hang = () => {
    isHanging = true;
  };
  return { clock, stop, ctx, api, hang, client: createClient(transport, { userAgent: 'test/1' }) };
}

const untilAborted = (ctx: Ctx) =>
  new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve(), { once: true }));

test('who cannot renew in time stops leading, also when the request is never answered', async () => {
  const { clock, ctx, client, hang } = setUp();
  let isLeading = false;
  const done = runAsLeader(
    client,
    LEASE,
    async (leading) => {
      isLeading = true;
      await untilAborted(leading);
      isLeading = false;
    },
    ctx,
  );
  done.catch(() => {}); // looked at below
  await clock.advance(3_000);
  assert.equal(isLeading, true);
  hang();
  await clock.advance(12_500);
  assert.equal(isLeading, false);
  await assert.rejects(done, /could not be renewed/);
});

test('a lease that is given up has no holder: the server refuses an empty one', async () => {
  const { clock, ctx, client, api, stop } = setUp();
  const done = runAsLeader(client, LEASE, untilAborted, ctx);
  await clock.advance(3_000);
  assert.equal(api.objects(coordinationV1.Lease)[0]?.spec?.holderIdentity, 'a');
  stop.abort();
  await clock.settle();
  await done;
  const [lease] = api.objects(coordinationV1.Lease);
  assert.equal(Object.hasOwn(lease?.spec ?? {}, 'holderIdentity'), false);
});
