/** The scheduler with an API server over the durable store, in one process: each binding is a write on disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coreV1 } from '@kapella/api';
import { createInMemoryTransport } from '@kapella/apiserver';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createCache, createClient } from '@kapella/client';
import { MASTER, runScheduler } from '@kapella/control-plane';
import { bootstrapSim, startSimApi } from '@kapella/simulator';
import { storeBackends } from '@kapella/store/node';
import { NODE_COUNT, type Workload } from './workloads.ts';

const CREATES_AT_ONCE = 200;
const PLACED_MS_MAX = 10 * 60_000;

/** Pods bound per second, from the moment the scheduler is told of the first until the last binding is seen. */
export async function boundPerSecond(workload: Workload): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'kapella-bench-scheduler-'));
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const backend = storeBackends.find(({ name }) => name === 'lmdb');
  if (backend === undefined) throw new Error('there is no lmdb store');
  const store = await backend.open({ directory }, ctx);
  const server = await startSimApi({ store, admission: [] }, ctx);
  const client = createClient(createInMemoryTransport(server, MASTER), { userAgent: 'bench' });
  await bootstrapSim(client, ctx);
  const create = (kind: typeof coreV1.Pod | typeof coreV1.Node, count: number, make: (i: number) => object) =>
    inBatches(count, (i) => client.create(kind as typeof coreV1.Pod, make(i) as never, ctx));
  await create(coreV1.Node, NODE_COUNT, (i) => workload.node(i));
  const cache = createCache(client);
  const running = cache.run(ctx);
  let bound = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let onDone = () => {};
  cache.informer(coreV1.Pod).subscribe({
    update(pod, old) {
      if (!pod.spec.nodeName || old.spec.nodeName) return;
      bound++;
      if (bound >= wanted) onDone();
    },
  });
  const scheduling = runScheduler((user) => createInMemoryTransport(server, user), ctx);
  const place = async (count: number, make: (i: number) => object) => {
    const done = new Promise<void>((resolve, reject) => {
      onDone = resolve;
      ctx.clock.setTimer(PLACED_MS_MAX, () => reject(new Error(`${bound} of ${wanted} Pods were bound in time`)));
    });
    wanted = bound + count;
    await create(coreV1.Pod, count, make);
    await done;
  };
  for (const [i, { count, pod }] of workload.initial.entries()) await place(count, (n) => pod(`init-${i}-${n}`));
  const start = performance.now();
  await place(workload.measured.count, (n) => workload.measured.pod(`measured-${n}`));
  const rate = (workload.measured.count / (performance.now() - start)) * 1_000;
  stop.abort();
  await Promise.allSettled([running, scheduling]);
  await server.close();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
  return rate;
}

async function inBatches(count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: CREATES_AT_ONCE }, worker));
}
