/** The scheduler with an API server over the durable store, in one process: each binding is a write on disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coreV1, type KindRef, type KubeObject } from '@kapella/api';
import { createInMemoryTransport } from '@kapella/apiserver';
import { type Ctx, silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { type Client, createCache, createClient, createSeriesRecorder } from '@kapella/client';
import { componentUser, defaultAdmission, MASTER } from '@kapella/control-plane';
import { createScheduler, REQUESTS_AT_ONCE } from '@kapella/scheduler';
import { bootstrapSim, startSimApi } from '@kapella/simulator';
import { storeBackends } from '@kapella/store/node';
import type { Background, Pods, Workload } from './workloads.ts';

/** As upstream's scheduler_perf starts its API server: test/integration/util/util.go. */
const LEFT_OUT = ['ServiceAccount', 'TaintNodesByCondition', 'Priority', 'StorageObjectInUseProtection'];
const admission = defaultAdmission().filter(({ name }) => !LEFT_OUT.includes(name));

const CREATES_AT_ONCE = 200;
const PLACED_MS_MAX = 20 * 60_000;
const MEASURED = 'measured-';

export interface Bound {
  readonly podsPerSecond: number;
  /** Of API server, store, scheduler and the client that creates the Pods, while the clock ran. */
  readonly cpuMsPerPod: number;
}

/** From the moment the scheduler is told of the first Pod that counts until the last binding is seen. */
export async function bind(workload: Workload): Promise<Bound> {
  const directory = mkdtempSync(join(tmpdir(), 'kapella-bench-scheduler-'));
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const backend = storeBackends.find(({ name }) => name === 'lmdb');
  if (backend === undefined) throw new Error('there is no lmdb store');
  const store = await backend.open({ directory }, ctx);
  const server = await startSimApi({ store, admission }, ctx);
  const client = createClient(createInMemoryTransport(server, MASTER), { userAgent: 'bench' });
  await bootstrapSim(client, ctx);
  await inBatches(workload.nodeCount, (i) => create(client, workload.node(i), ctx));
  const { running, bound } = startScheduler(
    createInMemoryTransport(server, componentUser('system:kube-scheduler')),
    ctx,
  );
  const place = async (pods: Pods, prefix: string) => {
    await Promise.all([
      bound.reach(prefix, pods.count, ctx),
      inBatches(pods.count, (n) => create(client, pods.pod(`${prefix}${n}`), ctx)),
    ]);
  };
  const { gated, initial, background, measured } = workload;
  if (gated !== undefined) await inBatches(gated.count, (n) => create(client, gated.pod(`gated-${n}`), ctx));
  for (const [i, pods] of initial.entries()) await place(pods, `init-${i}-`);
  const end = background === undefined ? undefined : keepBusy(client, background, ctx);
  const cpu = process.cpuUsage();
  const start = performance.now();
  await place(measured, MEASURED);
  const tookMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  end?.();
  stop.abort();
  await Promise.allSettled(running);
  await server.close();
  await store.close();
  rmSync(directory, { recursive: true, force: true });
  return {
    podsPerSecond: (measured.count / tookMs) * 1_000,
    cpuMsPerPod: (user + system) / 1_000 / measured.count,
  };
}

/** Counts bindings by the scheduler's own informer, as upstream's measurement does. */
class BoundPods {
  readonly #counts = new Map<string, number>();
  #changed: () => void = () => {};

  saw(name: string): void {
    const prefix = name.slice(0, name.lastIndexOf('-') + 1);
    this.#counts.set(prefix, (this.#counts.get(prefix) ?? 0) + 1);
    this.#changed();
  }

  reach(prefix: string, count: number, { clock }: Ctx): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(PLACED_MS_MAX, () => {
        reject(new Error(`${this.#counts.get(prefix) ?? 0} of ${count} Pods ${prefix} were bound in time`));
      });
      this.#changed = () => {
        if ((this.#counts.get(prefix) ?? 0) < count) return;
        timer.cancel();
        resolve();
      };
    });
  }
}

function startScheduler(transport: Parameters<typeof createClient>[0], ctx: Ctx) {
  const client = createClient(transport, { userAgent: 'kube-scheduler', atOnceMax: REQUESTS_AT_ONCE });
  const cache = createCache(client);
  const events = createSeriesRecorder(client, { component: 'default-scheduler' }, ctx);
  const bound = new BoundPods();
  cache.informer(coreV1.Pod).subscribe({
    update(pod, old) {
      if (pod.spec.nodeName && !old.spec.nodeName) bound.saw(pod.metadata.name);
    },
  });
  const scheduler = createScheduler({ client, cache, events });
  return { running: [cache.run(ctx), events.run(ctx), scheduler.run(ctx)], bound };
}

/** Until it is told to end. */
function keepBusy(client: Client, { everyMs, recreated, objects, deletedPerSecond = 0 }: Background, ctx: Ctx) {
  let round = 0;
  let deleted = 0;
  const under = new Set<Promise<unknown>>();
  const begin = (work: Promise<unknown>) => {
    const settled = work.catch(() => undefined).finally(() => under.delete(settled));
    under.add(settled);
  };
  const timer = setInterval(() => {
    const named = (of: number) => objects.map((make, i) => make(`churn-${of}-${i}`) as KubeObject);
    if (recreated === true && round > 0) {
      for (const object of named(round - 1)) begin(client.delete(kindOf(object), object, ctx));
    }
    for (const object of named(round)) begin(create(client, object, ctx));
    for (let i = 0; i < (deletedPerSecond * everyMs) / 1_000; i++) {
      begin(client.delete(coreV1.Pod, { namespace: 'default', name: `init-0-${deleted++}` }, ctx));
    }
    round++;
  }, everyMs);
  return () => clearInterval(timer);
}

function kindOf({ kind }: { readonly kind: string }): KindRef<KubeObject> {
  const known = { Node: coreV1.Node, Pod: coreV1.Pod, Service: coreV1.Service } as Readonly<Record<string, unknown>>;
  return known[kind] as KindRef<KubeObject>;
}

function create(client: Client, object: { readonly kind: string }, ctx: Ctx): Promise<unknown> {
  return client.create(kindOf(object), object as never, ctx);
}

async function inBatches(count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: CREATES_AT_ONCE }, worker));
}
