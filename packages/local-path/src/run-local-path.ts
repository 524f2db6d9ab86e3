/** Makes and removes the directories of one node, and says how much room it has. */
import { coreV1, storageV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import { type Ctx, describeError, isReason } from '@kapella/base';
import { type Cache, type Client, createEventRecorder } from '@kapella/client';
import { capacityObject, publishCapacity } from './capacity.ts';
import { LOCAL_PATH_PROVISIONER } from './objects.ts';
import { type LocalPathPlan, planLocalPath } from './plan.ts';

const CAPACITY_MS = 60_000;
const RETRY_MS = 5_000;
/** Let the events of one change come together. */
const SETTLE_MS = 10;

export interface LocalPathDisk {
  /** A directory that every user may write to; there already is fine. */
  make(path: string): Promise<void>;
  /** With all that is in it; missing is fine. */
  remove(path: string): Promise<void>;
  freeBytes(dir: string): Promise<number>;
}

export interface LocalPathOptions {
  readonly nodeName: string;
  /** Absolute; exists. */
  readonly dir: string;
}

/** Until `ctx` aborts. `cache` is over `client`, and run by the caller. */
export async function runLocalPath(
  { nodeName, dir }: LocalPathOptions,
  { client, cache, disk }: { readonly client: Client; readonly cache: Cache; readonly disk: LocalPathDisk },
  ctx: Ctx,
): Promise<void> {
  const events = createEventRecorder(client, { component: LOCAL_PATH_PROVISIONER, host: nodeName }, ctx);
  const recording = events.run(ctx);
  const claims = cache.informer(coreV1.PersistentVolumeClaim);
  const volumes = cache.informer(coreV1.PersistentVolume);
  const classes = cache.informer(storageV1.StorageClass);
  const nodes = cache.informer(coreV1.Node, { fieldSelector: `metadata.name=${nodeName}` });
  const alarm = createAlarm(ctx);
  const wake = () => alarm.ring(SETTLE_MS);
  for (const informer of [claims, volumes, classes]) informer.subscribe({ add: wake, update: wake, delete: wake });
  const refused = new Set<string>();
  let capacityAtMs = Number.NEGATIVE_INFINITY;

  const step = async (): Promise<void> => {
    const node = nodes.list()[0];
    if (node === undefined) return alarm.ring(RETRY_MS);
    const hostname = node.metadata.labels?.['kubernetes.io/hostname'] ?? nodeName;
    const state = { nodeName, hostname, dir, claims: claims.list(), volumes: volumes.list(), classes: classes.list() };
    const plan = planLocalPath(state);
    for (const { claim, message } of plan.refuse.filter((one) => !refused.has(one.claim.metadata.uid))) {
      refused.add(claim.metadata.uid);
      events.event(claim, 'Warning', 'ProvisioningFailed', `failed to provision volume: ${message}`);
    }
    for (const one of plan.provision) await provision(one, { client, disk, events }, ctx);
    for (const volume of plan.remove) await remove(volume, { client, disk }, ctx);
    const changed = plan.provision.length + plan.remove.length > 0;
    const nowMs = ctx.clock.monotonicMs();
    const dueInMs = capacityAtMs + CAPACITY_MS - nowMs;
    if (dueInMs > 0 && !changed) return alarm.ring(dueInMs);
    const facts = { name: nodeName, uid: node.metadata.uid, hostname };
    await publishAll(client, state.classes, facts, await disk.freeBytes(dir), ctx);
    capacityAtMs = nowMs;
    alarm.ring(CAPACITY_MS);
  };

  await Promise.all([claims, volumes, classes, nodes].map((informer) => informer.synced(ctx)));
  while (!ctx.signal.aborted) {
    try {
      await step();
    } catch (error) {
      if (ctx.signal.aborted) break;
      ctx.log.warn('local volumes not brought in order', { error: describeError(error), retryMs: RETRY_MS });
      alarm.ring(RETRY_MS);
    }
    await alarm.wait();
  }
  await recording;
}

async function publishAll(
  client: Client,
  classes: readonly StorageClass[],
  node: { readonly name: string; readonly uid: string; readonly hostname: string },
  freeBytes: number,
  ctx: Ctx,
): Promise<void> {
  for (const one of classes.filter(({ provisioner }) => provisioner === LOCAL_PATH_PROVISIONER)) {
    await publishCapacity(client, capacityObject(one, node, freeBytes), ctx);
  }
}

interface Parts {
  readonly client: Client;
  readonly disk: LocalPathDisk;
  readonly events: { event(about: PersistentVolumeClaim, type: 'Normal', reason: string, message: string): void };
}

/** The directory first: a volume that is there can be mounted. */
async function provision(
  { claim, volume }: LocalPathPlan['provision'][number],
  { client, disk, events }: Parts,
  ctx: Ctx,
): Promise<void> {
  const { namespace, name } = claim.metadata;
  const text = `External provisioner is provisioning volume for claim "${namespace}/${name}"`;
  events.event(claim, 'Normal', 'Provisioning', text);
  await disk.make(volume.spec.local?.path ?? '');
  try {
    await client.create(coreV1.PersistentVolume, volume, ctx);
  } catch (error) {
    if (isReason(error, 'AlreadyExists')) return; // the cache is late
    throw error;
  }
  ctx.log.info('volume provisioned', { claim: `${namespace}/${name}`, volume: volume.metadata.name });
  events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volume.metadata.name}`);
}

async function remove(volume: PersistentVolume, { client, disk }: Omit<Parts, 'events'>, ctx: Ctx): Promise<void> {
  if (volume.metadata.deletionTimestamp !== undefined) return;
  await disk.remove(volume.spec.local?.path ?? '');
  await client.delete(coreV1.PersistentVolume, volume, ctx, { uid: volume.metadata.uid }).catch((error: unknown) => {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  });
  ctx.log.info('volume removed', { volume: volume.metadata.name });
}

/** A wait that ends at the earliest time it was rung for. */
function createAlarm(ctx: Ctx) {
  let dueMs = Number.POSITIVE_INFINITY;
  let timer: { cancel(): void } | undefined;
  let wake = () => {};
  const fire = () => {
    dueMs = Number.NEGATIVE_INFINITY;
    wake();
  };
  ctx.signal.addEventListener('abort', fire, { once: true });
  return {
    ring(delayMs: number): void {
      const atMs = ctx.clock.monotonicMs() + delayMs;
      if (atMs >= dueMs) return;
      dueMs = atMs;
      timer?.cancel();
      timer = ctx.clock.setTimer(delayMs, fire);
    },
    async wait(): Promise<void> {
      if (dueMs !== Number.NEGATIVE_INFINITY && !ctx.signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      timer?.cancel();
      dueMs = Number.POSITIVE_INFINITY;
    },
  };
}
