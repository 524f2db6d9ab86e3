/** Binds claims to volumes, both ways, and reclaims volumes. Source: kubernetes pkg/controller/volume/persistentvolume. */
import { coreV1, keyOf, storageV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController, type ReconcileResult } from '@kapella/controller';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { isBoundTo } from './plan-binding.ts';
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, planClaim, type Told } from './plan-claim.ts';
import { planVolume } from './plan-volume.ts';

const PROVISIONERS = ['volume.kubernetes.io/storage-provisioner', 'volume.beta.kubernetes.io/storage-provisioner'];

interface Deps extends ControllerDeps {
  readonly tuning: Tuning;
}

type ClaimStatus = NonNullable<PersistentVolumeClaim['status']>;

/** Keys with a namespace are claims, those without are volumes: one queue, since each changes the other. */
export function createPersistentVolumeBinder(given: ControllerDeps, tuning: Tuning = DEFAULT_TUNING): Controller {
  const deps: Deps = { ...given, tuning };
  const { cache } = deps;
  const pendingKeys = () =>
    cache
      .list(coreV1.PersistentVolumeClaim)
      .filter((claim) => claim.status?.phase !== 'Bound')
      .map(keyOf);
  return defineController({
    name: 'persistentvolume-binder-controller',
    primary: coreV1.PersistentVolumeClaim,
    reads: [coreV1.Pod],
    concurrencyMax: 1, // two claims must not take one volume
    watches: [
      {
        kind: coreV1.PersistentVolumeClaim,
        keysOf({ spec }: PersistentVolumeClaim, _old: unknown, deleted: boolean) {
          if (spec.volumeName) return [spec.volumeName];
          return deleted ? claimedBy(deps) : [];
        },
      },
      {
        kind: coreV1.PersistentVolume,
        keysOf({ metadata, spec: { claimRef } }: PersistentVolume) {
          const claims = claimRef === undefined ? pendingKeys() : [`${claimRef.namespace}/${claimRef.name}`];
          return [metadata.name, ...claims];
        },
      },
      { kind: storageV1.StorageClass, keysOf: pendingKeys },
    ],
    async reconcile(key, ctx) {
      return key.includes('/') ? syncClaim(deps, key, ctx) : syncVolume(deps, key, ctx);
    },
  });
}

/** Volumes whose claim may be gone. */
function claimedBy({ cache }: ControllerDeps): string[] {
  const reserved = cache.list(coreV1.PersistentVolume).filter((volume) => volume.spec.claimRef !== undefined);
  return reserved.map((volume) => volume.metadata.name);
}

async function syncVolume({ cache, client, events }: ControllerDeps, name: string, ctx: Ctx): Promise<ReconcileResult> {
  const volume = cache.get(coreV1.PersistentVolume, name);
  if (volume === undefined) return {};
  const plan = planVolume(volume, await claimOf({ cache, client }, volume, ctx));
  switch (plan.action) {
    case 'phase':
      await client.patchStatus(coreV1.PersistentVolume, volume, { ...volume.status, phase: plan.phase }, ctx);
      break;
    case 'fail':
      events.event(volume, 'Warning', 'VolumeFailedDelete', plan.message);
      await client.patchStatus(
        coreV1.PersistentVolume,
        volume,
        { ...volume.status, phase: 'Failed', message: plan.message },
        ctx,
      );
      break;
    case 'unbind':
      await client.update(coreV1.PersistentVolume, plan.next, ctx);
      break;
    case 'none':
  }
  return {};
}

/** Asked of the server where the cache has none: a volume must not be given up for a late cache. */
async function claimOf(
  { cache, client }: Pick<ControllerDeps, 'cache' | 'client'>,
  volume: PersistentVolume,
  ctx: Ctx,
) {
  const ref = volume.spec.claimRef;
  if (ref?.name === undefined || !ref.uid) return undefined;
  const cached = cache.get(coreV1.PersistentVolumeClaim, `${ref.namespace}/${ref.name}`);
  if (cached?.metadata.uid === ref.uid || volume.status?.phase === 'Released' || volume.status?.phase === 'Failed')
    return cached;
  return client.get(
    coreV1.PersistentVolumeClaim,
    { name: ref.name, ...(ref.namespace && { namespace: ref.namespace }) },
    ctx,
  );
}

async function syncClaim(deps: Deps, key: string, ctx: Ctx): Promise<ReconcileResult> {
  const { cache, client } = deps;
  const claim = cache.get(coreV1.PersistentVolumeClaim, key);
  if (claim === undefined) return {};
  const plan = planClaim({
    claim,
    named: claim.spec.volumeName ? cache.get(coreV1.PersistentVolume, claim.spec.volumeName) : undefined,
    volumes: cache.list(coreV1.PersistentVolume),
    classes: cache.list(storageV1.StorageClass),
    waitingPods: waitingPods(deps, claim),
    mayProvision: deps.tuning.enableDynamicProvisioning,
  });
  switch (plan.action) {
    case 'bind':
      await bind(deps, claim, plan.volume, ctx);
      return {};
    case 'lose':
      await setPhase(deps, claim, 'Lost', plan.told, ctx);
      return {};
    case 'set-class':
      await client.update(
        coreV1.PersistentVolumeClaim,
        { ...claim, spec: { ...claim.spec, storageClassName: plan.className } },
        ctx,
      );
      return {};
    case 'wait': {
      if (claim.metadata.deletionTimestamp !== undefined) return {};
      const told = plan.told;
      if (told !== undefined) deps.events.event(claim, told.type, told.reason, told.message);
      const owner = plan.provisioner === undefined ? claim : await nameProvisioner(deps, claim, plan.provisioner, ctx);
      await setPhase(deps, owner, 'Pending', undefined, ctx);
      return { requeueAfterMs: deps.tuning.pvclaimbinderSyncPeriodMs };
    }
  }
}

function waitingPods({ cache }: ControllerDeps, claim: PersistentVolumeClaim): string[] {
  const { namespace, name } = claim.metadata;
  if (claim.spec.volumeName) return [];
  return cache
    .list(coreV1.Pod, namespace)
    .filter(
      (pod) =>
        !pod.spec.nodeName && pod.spec.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === name),
    )
    .map((pod) => pod.metadata.name);
}

/** Volume first: a claim that says it is bound can rely on its volume. */
async function bind(
  deps: ControllerDeps,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  ctx: Ctx,
): Promise<void> {
  const { client } = deps;
  const bound = await bindVolume(deps, claim, volume, ctx);
  await client.patchStatus(coreV1.PersistentVolume, bound, { ...bound.status, phase: 'Bound' }, ctx);
  const owner = await bindClaim(deps, claim, volume.metadata.name, ctx);
  const { accessModes, capacity, volumeAttributesClassName } = volume.spec;
  const status: ClaimStatus = {
    ...owner.status,
    phase: 'Bound',
    ...(accessModes !== undefined && { accessModes }),
    // A volume that is being resized tells its size itself.
    ...(capacity !== undefined && owner.status?.phase !== 'Bound' && { capacity }),
    ...(volumeAttributesClassName && { currentVolumeAttributesClassName: volumeAttributesClassName }),
  };
  await client.patchStatus(coreV1.PersistentVolumeClaim, owner, status, ctx);
}

async function bindVolume(
  { client }: ControllerDeps,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  ctx: Ctx,
) {
  if (volume.spec.claimRef?.uid === claim.metadata.uid) return volume;
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
  const annotations = {
    ...volume.metadata.annotations,
    ...(!isBoundTo(volume, claim) && { [BOUND_BY_CONTROLLER]: 'yes' }),
  };
  const next = { ...volume, metadata: { ...volume.metadata, annotations }, spec: { ...volume.spec, claimRef } };
  return client.update(coreV1.PersistentVolume, next, ctx);
}

async function bindClaim({ client }: ControllerDeps, claim: PersistentVolumeClaim, volumeName: string, ctx: Ctx) {
  if (claim.spec.volumeName === volumeName && claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return claim;
  const chosen: Record<string, string> = claim.spec.volumeName === volumeName ? {} : { [BOUND_BY_CONTROLLER]: 'yes' };
  const annotations = { ...claim.metadata.annotations, ...chosen, [BIND_COMPLETED]: 'yes' };
  const next = { ...claim, metadata: { ...claim.metadata, annotations }, spec: { ...claim.spec, volumeName } };
  return client.update(coreV1.PersistentVolumeClaim, next, ctx);
}

async function nameProvisioner(
  { client }: ControllerDeps,
  claim: PersistentVolumeClaim,
  provisioner: string,
  ctx: Ctx,
) {
  const present = claim.metadata.annotations ?? {};
  if (PROVISIONERS.every((name) => present[name] === provisioner)) return claim;
  const annotations = { ...present, ...Object.fromEntries(PROVISIONERS.map((name) => [name, provisioner])) };
  return client.update(coreV1.PersistentVolumeClaim, { ...claim, metadata: { ...claim.metadata, annotations } }, ctx);
}

async function setPhase(
  { client, events }: ControllerDeps,
  claim: PersistentVolumeClaim,
  phase: 'Pending' | 'Lost',
  told: Told | undefined,
  ctx: Ctx,
): Promise<void> {
  if (claim.status?.phase === phase) return;
  const { capacity: _, accessModes: __, ...rest } = claim.status ?? {};
  await client.patchStatus(coreV1.PersistentVolumeClaim, claim, { ...rest, phase }, ctx);
  if (told !== undefined) events.event(claim, told.type, told.reason, told.message);
}
