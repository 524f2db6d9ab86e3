/** Preemption through the whole API: everybody who can be given room gets it, soon. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreV1 } from '@kapella/api';
import { createInMemoryTransport } from '@kapella/apiserver';
import { createSeededRandom, type Ctx, silentLogger, sleep } from '@kapella/base';
import { createClient, type Transport } from '@kapella/client';
import { MASTER, runScheduler } from '@kapella/control-plane';
import { createMemoryStore } from '@kapella/store';
import { bootstrapSim, startSimApi } from './api.ts';
import { createSimClock } from './clock.ts';

const NODES = 12;
const REQUEST_MS_MAX = 40;

/** Each request takes a while, so that what is promised, bound and removed overlaps. */
function slow(transport: Transport): Transport {
  return {
    ...transport,
    async request(request, ctx) {
      await sleep(REQUEST_MS_MAX * ctx.random.float(), ctx);
      return transport.request(request, ctx);
    },
  };
}

test('as many preemptors as nodes, all at once: each is promised a node of its own at its first try', async () => {
  const clock = createSimClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
  const stop = new AbortController();
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random: createSeededRandom(5) };
  const server = await startSimApi({ store: createMemoryStore(), admission: [] }, ctx);
  const client = createClient(createInMemoryTransport(server, MASTER), { userAgent: 'test' });
  await bootstrapSim(client, ctx);
  const room = { cpu: '4', memory: '32Gi', pods: '110' };
  for (let i = 0; i < NODES; i++) {
    const status = { allocatable: room, capacity: room, conditions: [{ type: 'Ready', status: 'True' }] };
    await client.create(coreV1.Node, { metadata: { name: `n${i}` }, spec: {}, status } as never, ctx);
  }
  const pods = async () => (await client.list(coreV1.Pod, { namespace: 'default' }, ctx)).items;
  const create = (name: string, cpu: string, more: object) => {
    const containers = [{ name: 'c', image: 'pause', resources: { requests: { cpu } } }];
    const spec = { containers, terminationGracePeriodSeconds: 0, ...more };
    return client.create(coreV1.Pod, { metadata: { name, namespace: 'default' }, spec } as never, ctx);
  };
  for (let i = 0; i < 4 * NODES; i++) await create(`low-${i}`, '900m', { priority: 0, nodeName: `n${i % NODES}` });
  for (let i = 0; i < NODES; i++) await create(`high-${i}`, '3', { priority: 10 });
  // All of them wait when it begins: they are decided in one go.
  const running = runScheduler((user) => slow(createInMemoryTransport(server, user)), ctx);
  await clock.advance(20_000);
  const left = await pods();
  const homeless = left.filter(({ spec }) => !spec.nodeName).map(({ metadata }) => metadata.name);
  assert.deepEqual(homeless, []);
  assert.equal(left.length, 2 * NODES, 'three victims for each, and not one more');
  const events = await client.list(coreV1.Event, { namespace: 'default' }, ctx);
  const failed = events.items.filter(({ reason }) => reason === 'FailedScheduling');
  const tries = failed.map(({ involvedObject, series }) => `${involvedObject.name} ${series?.count ?? 1}`);
  const once = Array.from({ length: NODES }, (_, i) => `high-${i} 1`);
  assert.deepEqual(tries.sort(), once.sort(), 'nobody was promised what another had been');
  stop.abort();
  await clock.settle();
  await running;
  server.close();
});
