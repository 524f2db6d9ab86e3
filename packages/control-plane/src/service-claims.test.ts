/** Addresses of several servers over one store. */
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
  const services = new Map<string, { readonly revision: number; readonly ip: string }>();
  const read = async (key: string) => {
    const found = services.get(key);
    if (found === undefined) return undefined;
    return { revision: found.revision, object: () => ({ spec: { clusterIPs: [found.ip] } }) };
  };
  const registry = { find: () => ({ storage: { cache: { read } } }) } as unknown as Registry;
  return { ctx, clock, store, services, claims: createServiceClaims(store, () => registry, ctx) };
}

const IP = 'ip/10.96.0.7';
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('of many who claim an address at once one has it; for others it is taken', async () => {
  const { claims, ctx } = setUp();
  const owners = Array.from({ length: 20 }, (_, i) => `default/s${i}`);
  const lost = await Promise.all(owners.map((owner) => claims.claim(owner, [IP, `port/${owner}`], ctx)));
  assert.equal(lost.filter((values) => values.length === 0).length, 1);
  assert.ok(lost.every((values) => values.length === 0 || values[0] === IP));
});

test('what its Service gives back, or never came to hold, can be claimed again', async () => {
  const { claims, ctx, clock, services, store } = setUp();
  assert.deepEqual(await claims.claim('default/a', [IP], ctx), []);
  claims.release('default/b', [IP]);
  await settled();
  assert.deepEqual(await claims.claim('default/b', [IP], ctx), [IP], 'only its owner gives it back');
  claims.release('default/a', [IP]);
  await settled();
  assert.deepEqual(await claims.claim('default/b', [IP], ctx), []);

  // A server died between claim and Service.
  assert.deepEqual(await claims.claim('default/c', [IP], ctx), [IP]);
  await clock.advance(61_000);
  assert.deepEqual(await claims.claim('default/c', [IP], ctx), []);

  services.set('default/c', { revision: (await store.currentRevision(ctx)) + 1, ip: '10.96.0.7' });
  await clock.advance(61_000);
  assert.deepEqual(await claims.claim('default/d', [IP], ctx), [IP], 'a Service holds it');
  claims.release('default/c', [IP]);
  await settled();
  assert.deepEqual(await claims.claim('default/d', [IP], ctx), [IP], 'and goes on holding it');
  services.set('default/c', { revision: (await store.currentRevision(ctx)) + 1, ip: '10.96.0.9' });
  assert.deepEqual(await claims.claim('default/d', [IP], ctx), [], 'it gave the address up');
});
