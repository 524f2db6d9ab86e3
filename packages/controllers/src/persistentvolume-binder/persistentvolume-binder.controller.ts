/** Binds claims to volumes, both ways, and reclaims volumes. Source: kubernetes pkg/controller/volume/persistentvolume. */
import { coreV1, keyOf, storageV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { findVolume, isBoundTo, planReclaim } from './plan-binding.ts';

const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
const PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
const PROVISIONER_BETA = 'volume.beta.kubernetes.io/storage-provisioner';
const RETRY_MS = 15_000;

export function createPersistentVolumeBinder(deps: ControllerDeps): Controller {
  const { cache } = deps;
  const pendingKeys = () => cache.list(coreV1.PersistentVolumeClaim).filter((claim) => !claim.spec.volumeName).map(keyOf);
  return defineController({
    name: 'persistentvolume-binder-controller',
    primary: coreV1.PersistentVolumeClaim,
    concurrencyMax: 1, // two claims must not take one volume
    watches: [
      {
        kind: coreV1.PersistentVolume,
        keysOf(volume) {
          const ref = volume.spec.claimRef;
          return ref === undefined ? ['', ...pendingKeys()] : ['', `${ref.namespace}/${ref.name}`];
        },
      },
      { kind: storageV1.StorageClass, keysOf: pendingKeys },
    ],
    async reconcile(key, ctx) {
      if (key === '') {
        await reclaimAll(deps, ctx);
        return {};
      }
      const claim = cache.get(coreV1.PersistentVolumeClaim, key);
      if (claim === undefined) {
        await reclaimAll(deps, ctx);
        return {};
      }
      if (claim.metadata.deletionTimestamp !== undefined && claim.status?.phase === 'Bound') return {};
      return (await bind(deps, claim, ctx)) ? {} : { requeueAfterMs: RETRY_MS };
    },
  });
}

/** True when the claim is bound (or lost); false when it must wait. */
async function bind(deps: ControllerDeps, claim: PersistentVolumeClaim, ctx: Ctx): Promise<boolean> {
  const { cache } = deps;
  if (claim.spec.volumeName) {
    const volume = cache.get(coreV1.PersistentVolume, claim.spec.volumeName);
    if (volume === undefined || (volume.spec.claimRef !== undefined && !isBoundTo(volume, claim))) {
      await reportLost(deps, claim, volume, ctx);
      return claim.metadata.annotations?.[BIND_COMPLETED] !== undefined;
    }
    await bindBoth(deps, claim, volume, ctx);
    return true;
  }
  const storageClass = cache.get(storageV1.StorageClass, claim.spec.storageClassName ?? '');
  const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const isPlaced = claim.metadata.annotations?.[SELECTED_NODE] !== undefined;
  const volume = findVolume(claim, cache.list(coreV1.PersistentVolume));
  if (volume !== undefined && (!waits || isPlaced || volume.spec.claimRef !== undefined)) {
    await bindBoth(deps, claim, volume, ctx);
    return true;
  }
  await explainPending(deps, claim, storageClass?.provisioner, waits && !isPlaced, ctx);
  return false;
}

async function bindBoth({ client }: ControllerDeps, claim: PersistentVolumeClaim, volume: PersistentVolume, ctx: Ctx): Promise<void> {
  let bound = volume;
  if (volume.spec.claimRef?.uid !== claim.metadata.uid) {
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
    const byController: Record<string, string> = volume.spec.claimRef === undefined ? { [BOUND_BY_CONTROLLER]: 'yes' } : {};
    const annotations = { ...volume.metadata.annotations, ...byController };
    const next = { ...volume, metadata: { ...volume.metadata, annotations }, spec: { ...volume.spec, claimRef } };
    bound = await client.update(coreV1.PersistentVolume, next, ctx);
  }
  if (bound.status?.phase !== 'Bound') await client.patchStatus(coreV1.PersistentVolume, bound, { ...bound.status, phase: 'Bound' }, ctx);

  let owner = claim;
  if (claim.spec.volumeName !== volume.metadata.name || claim.metadata.annotations?.[BIND_COMPLETED] === undefined) {
    const byController: Record<string, string> = claim.spec.volumeName ? {} : { [BOUND_BY_CONTROLLER]: 'yes' };
    const annotations = { ...claim.metadata.annotations, ...byController, [BIND_COMPLETED]: 'yes' };
    const next = { ...claim, metadata: { ...claim.metadata, annotations }, spec: { ...claim.spec, volumeName: volume.metadata.name } };
    owner = await client.update(coreV1.PersistentVolumeClaim, next, ctx);
  }
  const { accessModes, capacity } = volume.spec;
  const status = { ...owner.status, phase: 'Bound', ...(accessModes && { accessModes }), ...(capacity && { capacity }) };
  await client.patchStatus(coreV1.PersistentVolumeClaim, owner, status as NonNullable<PersistentVolumeClaim['status']>, ctx);
}

async function reportLost(deps: ControllerDeps, claim: PersistentVolumeClaim, volume: PersistentVolume | undefined, ctx: Ctx): Promise<void> {
  if (claim.metadata.annotations?.[BIND_COMPLETED] === undefined) {
    if (volume === undefined) return; // the named volume may still come
    const message = `volume "${claim.spec.volumeName}" already bound to a different claim.`;
    deps.events.event(claim, 'Warning', 'FailedBinding', message);
    return;
  }
  if (claim.status?.phase === 'Lost') return;
  deps.events.event(claim, 'Warning', 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  await deps.client.patchStatus(coreV1.PersistentVolumeClaim, claim, { ...claim.status, phase: 'Lost' }, ctx);
}

async function explainPending(
  { client, events }: ControllerDeps,
  claim: PersistentVolumeClaim,
  provisioner: string | undefined,
  waitsForConsumer: boolean,
  ctx: Ctx,
): Promise<void> {
  if (waitsForConsumer) {
    events.event(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
    return;
  }
  if (provisioner === undefined || provisioner === 'kubernetes.io/no-provisioner') {
    const noClass = claim.spec.storageClassName ? '' : ' and no storage class is set';
    const message = `no persistent volumes available for this claim${noClass}`;
    events.event(claim, 'Normal', 'FailedBinding', message);
    return;
  }
  if (claim.metadata.annotations?.[PROVISIONER] !== provisioner) {
    const annotations = { ...claim.metadata.annotations, [PROVISIONER]: provisioner, [PROVISIONER_BETA]: provisioner };
    await client.update(coreV1.PersistentVolumeClaim, { ...claim, metadata: { ...claim.metadata, annotations } }, ctx);
  }
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. ` +
    'If volume creation is delayed, please verify that the provisioner is running and correctly registered.';
  events.event(claim, 'Normal', 'ExternalProvisioning', message);
}

async function reclaimAll({ cache, client, events }: ControllerDeps, ctx: Ctx): Promise<void> {
  for (const volume of cache.list(coreV1.PersistentVolume)) {
    const ref = volume.spec.claimRef;
    const claim = ref === undefined ? undefined : cache.get(coreV1.PersistentVolumeClaim, `${ref.namespace}/${ref.name}`);
    const plan = planReclaim(volume, claim);
    if (plan === undefined) continue;
    const phase = plan === 'available' ? 'Available' : 'Released';
    if (volume.status?.phase !== phase) await client.patchStatus(coreV1.PersistentVolume, volume, { ...volume.status, phase }, ctx);
    if (plan !== 'delete' || volume.metadata.deletionTimestamp !== undefined) continue;
    // Volumes of a provisioner are deleted by it, when it sees them Released.
    if (volume.metadata.annotations?.['pv.kubernetes.io/provisioned-by'] !== undefined) continue;
    events.event(volume, 'Warning', 'VolumeFailedDelete', 'error getting deleter volume plugin for volume: no deletable volume plugin matched');
    await client.patchStatus(coreV1.PersistentVolume, volume, { ...volume.status, phase: 'Failed' }, ctx);
  }
}
