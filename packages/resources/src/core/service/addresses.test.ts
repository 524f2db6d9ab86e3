/** Several API servers over one store never give one address twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1, networkingV1 } from '@kapella/api';
import {
  alwaysAllow,
  type AnyDefinition,
  createApiServer,
  createAuthenticator,
  createMetricsRegistry,
} from '@kapella/apiserver';
import { silentLogger } from '@kapella/base';
import { hostCtx, hostRandom } from '@kapella/base/node';
import { createMemoryStore } from '@kapella/store';
import { resources } from '../../index.ts';
import { createServiceAllocator } from './service-allocator.ts';

test('addresses of Services made by two servers at once differ, and each has its record', async () => {
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const memory = createMemoryStore();
  // As a store that others write to, too.
  const store = new Proxy(memory, {
    get(target, name) {
      const value = name === 'embedded' ? false : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const servers = await Promise.all(
    [1, 2].map(async () => {
      const allocator = createServiceAllocator({ cidrs: ['10.9.0.0/26'], random: hostRandom });
      const server = createApiServer(
        {
          store,
          resources: resources as readonly AnyDefinition[],
          authenticator: createAuthenticator({ tokens: [] }),
          authorizer: alwaysAllow,
          metrics: createMetricsRegistry(),
          services: new Map([['serviceAllocator', allocator]]),
        },
        ctx,
      );
      await server.ready(ctx);
      return server;
    }),
  );
  const create = (i: number) => {
    const object = { metadata: { name: `s${i}`, namespace: 'default' }, spec: { ports: [{ port: 80 }] } };
    return servers[i % 2]?.access.create(coreV1.Service, object as never, ctx);
  };
  const results = await Promise.allSettled(Array.from({ length: 80 }, (_, i) => create(i)));
  const made = results.flatMap((result) => (result.status === 'fulfilled' ? (result.value ?? []) : []));
  const ips = made.map(({ spec }) => spec.clusterIP ?? '').sort();
  assert.equal(made.length, 62, 'all of the network but its own address and the broadcast');
  assert.equal(new Set(ips).size, 62);
  const records = (await servers[0]?.access.list(networkingV1.IPAddress)) ?? [];
  assert.deepEqual(records.map(({ metadata }) => metadata.name).sort(), ips);
  for (const result of results) {
    if (result.status === 'rejected')
      assert.match(String(result.reason), /failed to allocate a serviceIP: range is full/);
  }
  stop.abort();
});
