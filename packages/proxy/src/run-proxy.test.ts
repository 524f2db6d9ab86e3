/** The loop over hand-fed informers and the memory backend. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, Service } from '@kapella/api/types/core-v1';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import type { Informer, InformerHandler } from '@kapella/client';
import { createMemoryBackend } from './backends/memory/memory.backend.ts';
import { testEndpoint, testNode, testService, testSlice } from './fixtures.test-support.ts';
import { runProxy } from './run-proxy.ts';

type Named = { readonly metadata: { readonly namespace?: string; readonly name: string } };

function fakeInformer<T extends Named>() {
  const objects = new Map<string, T>();
  const handlers = new Set<InformerHandler<T>>();
  const key = (o: T) => `${o.metadata.namespace}/${o.metadata.name}`;
  const informer: Informer<T> = {
    get: (k) => objects.get(k),
    list: () => [...objects.values()],
    ownedBy: () => [],
    subscribe(handler) {
      handlers.add(handler);
      for (const o of objects.values()) handler.add?.(o);
      return () => handlers.delete(handler);
    },
    synced: async () => {},
    hasSynced: true,
    addIndex: () => {},
    byIndex: () => [],
  };
  return {
    informer,
    put(o: T) {
      const old = objects.get(key(o));
      objects.set(key(o), o);
      for (const h of handlers) old === undefined ? h.add?.(o) : h.update?.(o, old);
    },
    remove(o: T) {
      objects.delete(key(o));
      for (const h of handlers) h.delete?.(o);
    },
  };
}

test('first all, then what changed; a refused change leads to a full sync', async () => {
  const services = fakeInformer<Service>();
  const slices = fakeInformer<EndpointSlice>();
  const pods = fakeInformer<Pod>();
  const memory = createMemoryBackend();
  let failOnce = false;
  const calls: string[] = [];
  const backend: typeof memory = {
    ...memory,
    replace: async (states, ctx) => {
      calls.push('replace');
      return memory.replace(states, ctx);
    },
    apply: async (changes, ctx) => {
      calls.push('apply');
      if (failOnce) {
        failOnce = false;
        throw new Error('refused');
      }
      await memory.apply(changes, ctx);
    },
  };
  const stop = new AbortController();
  let wake = () => {};
  const next = () => new Promise<void>((resolve) => (wake = resolve));
  services.put(testService('a', {}));
  let synced = next();
  const running = runProxy(
    {
      services: services.informer,
      endpointSlices: slices.informer,
      pods: pods.informer,
      backend,
      node: testNode,
      batchDelayMs: 1,
      onSync: () => wake(),
    },
    hostCtx(stop.signal, silentLogger),
  );
  const get = (set: 'services' | 'refused') => memory.tables.get('IPv4')?.sets.get(set)?.get('10.96.0.10 . 6 . 80');
  await synced;
  assert.equal(get('refused'), 'goto refuse');
  synced = next();
  slices.put(testSlice('a', [testEndpoint('10.244.0.2')]));
  await synced;
  assert.equal(get('services'), 'goto pick-1');
  assert.equal(get('refused'), undefined);
  failOnce = true;
  synced = next();
  slices.put(testSlice('a', [testEndpoint('10.244.0.2'), testEndpoint('10.244.0.3')]));
  await synced;
  assert.equal(get('services'), 'goto pick-2');
  synced = next();
  services.remove(testService('a', {}));
  await synced;
  assert.equal(get('services'), undefined);
  assert.deepEqual(calls, ['replace', 'apply', 'apply', 'replace', 'apply']);
  stop.abort();
  await running;
});
