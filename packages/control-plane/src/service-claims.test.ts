/** Node ports of several servers over one store. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Registry } from '@kapella/apiserver';
import { createVirtualClock, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createMemoryStore } from '@kapella/store';
import { createServiceClaims } from './service-claims.ts';

/** `services`: what the store holds of Services, by `namespace/name`. */
function setUp() {
  const clock = createVirtualClock();
  const ctx = { ...hostCtx(new AbortController().signal, silentLogger), clock };
  const store = createMemoryStore();
  const services = new Map<string, { readonly revision: number; readonly nodePort: number }>();
  const read = async (key: string) => {
    const found = services.get(key);
    if (found === undefined) return undefined;
    return { revision: found.revision, object: () => ({ spec: { ports: [{ nodePort: found.nodePort }] } }) };
  };
  const registry = { find: () => ({ storage: { cache: { read } } }) } as unknown as Registry;
  return { ctx, clock, store, services, claims: createServiceClaims(store, () => registry, ctx) };
}

const PORT = 'port/30007';
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('of many who claim a port at once one has it; for others it is taken', async () => {
  const { claims, ctx } = setUp();
  const owners = Array.from({ length: 20 }, (_, i) => `default/s${i}`);
  const lost = await Promise.all(owners.map((owner) => claims.claim(owner, [PORT, `port/${owner}`], ctx)));
  assert.equal(lost.filter((values) => values.length === 0).length, 1);
  assert.ok(lost.every((values) => values.length === 0 || values[0] === PORT));
});

test('what its Service gives back, or never came to hold, can be claimed again', async () => {
  const { claims, ctx, clock, services, store } = setUp();
  assert.deepEqual(await claims.claim('default/a', [PORT], ctx), []);
  claims.release('default/b', [PORT]);
  await settled();
  assert.deepEqual(await claims.claim('default/b', [PORT], ctx), [PORT], 'only its owner gives it back');
  claims.release('default/a', [PORT]);
  await settled();
  assert.deepEqual(await claims.claim('default/b', [PORT], ctx), []);

  // A server died between claim and Service.
  assert.deepEqual(await claims.claim('default/c', [PORT], ctx), [PORT]);
  await clock.advance(61_000);
  assert.deepEqual(await claims.claim('default/c', [PORT], ctx), []);

  services.set('default/c', { revision: (await store.currentRevision(ctx)) + 1, nodePort: 30_007 });
  await clock.advance(61_000);
  assert.deepEqual(await claims.claim('default/d', [PORT], ctx), [PORT], 'a Service holds it');
  claims.release('default/c', [PORT]);
  await settled();
  assert.deepEqual(await claims.claim('default/d', [PORT], ctx), [PORT], 'and goes on holding it');
  services.set('default/c', { revision: (await store.currentRevision(ctx)) + 1, nodePort: 30_009 });
  assert.deepEqual(await claims.claim('default/d', [PORT], ctx), [], 'it gave the port up');
});
