/** Makes and removes the volumes of one node, and says how much room it has. */
import { coreV1, storageV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import { type Ctx, describeError, isReason } from '@kapella/base';
import { type Cache, type Client, createEventRecorder, type EventRecorder } from '@kapella/client';
import { createAlarm } from './alarm.ts';
import type { ProvisionerBackend } from './backend.ts';
import { capacityObject, publishCapacity } from './capacity.ts';
import { type ProvisionPlan, PROVISIONED_BY, planProvision, volumeNameOf } from './plan.ts';

const CAPACITY_MS = 60_000;
const RETRY_MS = 5_000;
/** Let the events of one change come together. */
const SETTLE_MS = 10;

export interface ProvisionerOptions {
  readonly nodeName: string;
  readonly backend: ProvisionerBackend;
}

/** Until `ctx` aborts. `cache` is over `client`, and run by the caller. */
export async function runProvisioner(
  { nodeName, backend }: ProvisionerOptions,
  { client, cache }: { readonly client: Client; readonly cache: Cache },
  ctx: Ctx,
): Promise<void> {
  const events = createEventRecorder(client, { component: backend.name, host: nodeName }, ctx);
  const recording = events.run(ctx);
  const claims = cache.informer(coreV1.PersistentVolumeClaim);
  const volumes = cache.informer(coreV1.PersistentVolume);
  const classes = cache.informer(storageV1.StorageClass);
  const nodes = cache.informer(coreV1.Node, { fieldSelector: `metadata.name=${nodeName}` });
  const alarm = createAlarm(ctx);
  const wake = () => alarm.ring(SETTLE_MS);
  for (const informer of [claims, volumes, classes]) informer.subscribe({ add: wake, update: wake, delete: wake });
  const parts: Parts = { client, backend, events, refused: new Set() };
  let capacityAtMs = Number.NEGATIVE_INFINITY;

  const step = async (): Promise<void> => {
    const node = nodes.list()[0];
    if (node === undefined) return alarm.ring(RETRY_MS);
    const state = { nodeName, claims: claims.list(), volumes: volumes.list(), classes: classes.list() };
    const plan = planProvision(state, backend);
    const failed = await carryOut(plan, parts, ctx);
    if (failed) alarm.ring(RETRY_MS);
    const nowMs = ctx.clock.monotonicMs();
    const dueInMs = capacityAtMs + CAPACITY_MS - nowMs;
    if (dueInMs > 0 && plan.provision.length + plan.remove.length === 0) return alarm.ring(dueInMs);
    const { name, uid, labels } = node.metadata;
    const segment = labels?.[backend.topologyKey];
    // The node gets the label when its driver registers.
    if (segment === undefined) return alarm.ring(RETRY_MS);
    await publishAll(parts, state.classes, { name, uid, topology: { [backend.topologyKey]: segment } }, ctx);
    capacityAtMs = nowMs;
    alarm.ring(CAPACITY_MS);
  };

  await Promise.all([claims, volumes, classes, nodes].map((informer) => informer.synced(ctx)));
  while (!ctx.signal.aborted) {
    try {
      await step();
    } catch (error) {
      if (ctx.signal.aborted) break;
      ctx.log.warn('volumes not brought in order', { error: describeError(error), retryMs: RETRY_MS });
      alarm.ring(RETRY_MS);
    }
    await alarm.wait();
  }
  await recording;
}

interface Parts {
  readonly client: Client;
  readonly backend: ProvisionerBackend;
  readonly events: EventRecorder;
  /** By uid: claims that have been told why not. */
  readonly refused: Set<string>;
}

/** One that fails does not stop the others. True when one has failed. */
async function carryOut(plan: ProvisionPlan, parts: Parts, ctx: Ctx): Promise<boolean> {
  const { events, refused } = parts;
  for (const { claim, message } of plan.refuse.filter((one) => !refused.has(one.claim.metadata.uid))) {
    refused.add(claim.metadata.uid);
    events.event(claim, 'Warning', 'ProvisioningFailed', `failed to provision volume: ${message}`);
  }
  let failed = false;
  const attempt = async (about: PersistentVolumeClaim | PersistentVolume, reason: string, task: Promise<void>) => {
    try {
      await task;
    } catch (error) {
      ctx.signal.throwIfAborted();
      failed = true;
      events.event(about, 'Warning', reason, describeError(error));
      ctx.log.warn('volume not served', { about: about.metadata.name, reason, error: describeError(error) });
    }
  };
  for (const { claim, storageClass } of plan.provision) {
    await attempt(claim, 'ProvisioningFailed', provision(claim, storageClass, parts, ctx));
  }
  for (const volume of plan.remove) await attempt(volume, 'VolumeFailedDelete', remove(volume, parts, ctx));
  return failed;
}

/** What it is made of comes first: a volume that is there can be mounted. */
async function provision(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  { client, backend, events }: Parts,
  ctx: Ctx,
): Promise<void> {
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  const text = `External provisioner is provisioning volume for claim "${namespace}/${name}"`;
  events.event(claim, 'Normal', 'Provisioning', text);
  const volumeName = volumeNameOf(claim);
  const made = await backend.create(volumeName, claim, storageClass, ctx);
  const { reclaimPolicy = 'Delete', mountOptions } = storageClass;
  const volume = {
    metadata: { name: volumeName, annotations: { [PROVISIONED_BY]: backend.name } },
    spec: {
      ...(claim.spec.accessModes && { accessModes: claim.spec.accessModes }),
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion },
      storageClassName: storageClass.metadata.name,
      persistentVolumeReclaimPolicy: reclaimPolicy,
      volumeMode: claim.spec.volumeMode ?? 'Filesystem',
      ...(mountOptions && { mountOptions }),
      ...made,
    },
  };
  try {
    await client.create(coreV1.PersistentVolume, volume, ctx);
  } catch (error) {
    if (isReason(error, 'AlreadyExists')) return; // the cache is late
    throw error;
  }
  ctx.log.info('volume provisioned', { claim: `${namespace}/${name}`, volume: volumeName });
  events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volumeName}`);
}

async function remove(volume: PersistentVolume, { client, backend }: Parts, ctx: Ctx): Promise<void> {
  if (volume.metadata.deletionTimestamp !== undefined) return;
  await backend.remove(volume, ctx);
  await client.delete(coreV1.PersistentVolume, volume, ctx, { uid: volume.metadata.uid }).catch((error: unknown) => {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  });
  ctx.log.info('volume removed', { volume: volume.metadata.name });
}

async function publishAll(
  { client, backend }: Parts,
  classes: readonly StorageClass[],
  node: Parameters<typeof capacityObject>[1],
  ctx: Ctx,
): Promise<void> {
  const free = await backend.freeBytes();
  for (const one of classes.filter(({ provisioner }) => provisioner === backend.name)) {
    await publishCapacity(client, capacityObject(one, node, free), ctx);
  }
}
