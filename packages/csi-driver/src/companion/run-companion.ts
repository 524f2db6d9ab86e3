/** What the external sidecars do for other drivers, built in: provisioning, growing, snapshots of this node's volumes. */
import { coreV1 } from '@kapella/api';
import { type Ctx, describeError, isReason, sleep } from '@kapella/base';
import { type Cache, type Client, createCache, createEventRecorder } from '@kapella/client';
import { createAlarm, runProvisioner } from '@kapella/provisioner';
import type { ControllerService } from '../controller-service.ts';
import { DRIVER_NAME } from '../images.ts';
import { createBackend } from './backend.ts';
import { grow, planGrowth } from './resizer.ts';
import { GROUP, Snapshot, SnapshotClass, SnapshotContent } from './snapshot-kinds.ts';
import { dropSnapshot, planSnapshots, stateOf, takeSnapshot } from './snapshotter.ts';

const SETTLE_MS = 10;
const RETRY_MS = 5_000;
const LOOK_FOR_KINDS_MS = 10_000;

export interface CompanionDeps {
  readonly nodeName: string;
  readonly client: Client;
  readonly controller: ControllerService;
  freeBytes(): Promise<number>;
}

/** Until `ctx` aborts. The node's id is its name. */
export async function runCompanion(deps: CompanionDeps, ctx: Ctx): Promise<void> {
  const { client, nodeName } = deps;
  const cache = createCache(client);
  const backend = createBackend({ ...deps, nodeId: nodeName });
  await Promise.all([
    cache.run(ctx),
    runProvisioner({ nodeName, backend }, { client, cache }, ctx),
    runResizer(deps, cache, ctx),
    runSnapshotter(deps, ctx),
  ]);
}

async function runResizer({ client, controller, nodeName }: CompanionDeps, cache: Cache, ctx: Ctx): Promise<void> {
  const events = createEventRecorder(client, { component: DRIVER_NAME, host: nodeName }, ctx);
  const recording = events.run(ctx);
  const claims = cache.informer(coreV1.PersistentVolumeClaim);
  const volumes = cache.informer(coreV1.PersistentVolume);
  await loop('claims', [claims, volumes], ctx, async () => {
    for (const one of planGrowth(nodeName, claims.list(), volumes.list())) {
      const name = one.volume.metadata.name;
      events.event(one.claim, 'Normal', 'Resizing', `External resizer is resizing volume ${name}`);
      await grow(one, controller, client, ctx);
      const text = 'Require file system resize of volume on node';
      events.event(one.claim, 'Normal', 'FileSystemResizeRequired', text);
    }
  });
  await recording;
}

/** Snapshots are custom resources: until someone brings their definitions, there is nothing to do. */
async function runSnapshotter({ client, controller, nodeName }: CompanionDeps, ctx: Ctx): Promise<void> {
  while (!ctx.signal.aborted && !(await hasKinds(client, ctx))) await sleep(LOOK_FOR_KINDS_MS, ctx).catch(() => {});
  if (ctx.signal.aborted) return;
  const cache = createCache(client);
  const kinds = [cache.informer(Snapshot), cache.informer(SnapshotContent), cache.informer(SnapshotClass)];
  const informers: readonly Watched[] = [
    ...kinds,
    cache.informer(coreV1.PersistentVolumeClaim),
    cache.informer(coreV1.PersistentVolume),
  ];
  const work = loop('snapshots', informers, ctx, async () => {
    const plan = planSnapshots(stateOf(cache, nodeName));
    for (const one of plan.take) await takeSnapshot(one, controller, client, ctx);
    for (const one of plan.drop) await dropSnapshot(one, controller, client, ctx);
  });
  await Promise.all([cache.run(ctx), work]);
}

async function hasKinds(client: Client, ctx: Ctx): Promise<boolean> {
  try {
    await client.request('GET', `/apis/${GROUP}/v1`, {}, ctx);
    return true;
  } catch (error) {
    if (!isReason(error, 'NotFound') && !ctx.signal.aborted) {
      ctx.log.warn('API does not answer', { error: describeError(error) });
    }
    return false;
  }
}

interface Watched {
  synced(ctx: Ctx): Promise<void>;
  subscribe(handler: { add(): void; update(): void; delete(): void }): () => void;
}

/** Works again after each change of what is watched, and soon after a failure. */
async function loop(what: string, watched: readonly Watched[], ctx: Ctx, work: () => Promise<void>): Promise<void> {
  const alarm = createAlarm(ctx);
  const wake = () => alarm.ring(SETTLE_MS);
  for (const one of watched) one.subscribe({ add: wake, update: wake, delete: wake });
  await Promise.all(watched.map((one) => one.synced(ctx))).catch(() => {});
  while (!ctx.signal.aborted) {
    try {
      await work();
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.warn(`${what} not brought in order`, { error: describeError(error), retryMs: RETRY_MS });
      alarm.ring(RETRY_MS);
    }
    await alarm.wait();
  }
}
