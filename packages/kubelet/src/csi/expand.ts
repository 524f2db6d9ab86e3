/** A claim that was made larger while its volume is mounted. Source: kubernetes …/operationexecutor/node_expander.go. */
import { coreV1, quantityValue } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { Client, EventRecorder } from '@kapella/client';
import { CsiError } from '@kapella/csi';
import { decodeBytes } from '../container/env.ts';
import { capabilityOf, type CsiVolume } from './csi-volume.ts';
import type { CsiVolumes } from './csi-volumes.ts';
import type { RegisteredDriver } from './drivers.ts';

const OF_RESIZING: ReadonlySet<string> = new Set(['Resizing', 'FileSystemResizePending', 'NodeResizeError']);
const INFEASIBLE: ReadonlySet<string> = new Set(['InvalidArgument', 'OutOfRange', 'NotFound']);

/** The size in bytes that the node has yet to give the volume; undefined = nothing to do. */
export function wantedBytes(claim: PersistentVolumeClaim, volume: PersistentVolume): number | undefined {
  const has = claim.status?.capacity?.['storage'];
  const wanted = volume.spec.capacity?.['storage'];
  if (has === undefined || wanted === undefined) return undefined;
  if (claim.status?.allocatedResourceStatuses?.['storage'] === 'NodeResizeInfeasible') return undefined;
  return quantityValue(wanted) > quantityValue(has) ? quantityValue(wanted) : undefined;
}

export interface ExpandDeps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly volumes: CsiVolumes;
}

/** Grows the volume where that is due and says so in the claim's status. Never throws for what the driver says. */
export async function expandIfDue(
  pod: Pod,
  claim: PersistentVolumeClaim,
  pv: PersistentVolume,
  volume: CsiVolume,
  { client, recorder, volumes }: ExpandDeps,
  ctx: Ctx,
): Promise<void> {
  const bytes = wantedBytes(claim, pv);
  const driver = volumes.drivers.find(volume.driver);
  if (bytes === undefined || driver === undefined || volume.readOnly) return;
  const deps = { client, recorder, volumes };
  if (driver.capabilities.has('EXPAND_VOLUME') && !(await grow({ pod, claim, volume, bytes, driver }, deps, ctx)))
    return;
  await declareGrown(pod, claim, pv, deps, ctx);
}

interface Growth {
  readonly pod: Pod;
  readonly claim: PersistentVolumeClaim;
  readonly volume: CsiVolume;
  readonly bytes: number;
  readonly driver: RegisteredDriver;
}

/** False when the driver did not do it; the claim and the Pod say why. */
async function grow(
  { pod, claim, volume, bytes, driver }: Growth,
  { client, recorder, volumes }: ExpandDeps,
  ctx: Ctx,
): Promise<boolean> {
  const { target, staging } = volumes.pathsOf(pod.metadata.uid, volume);
  try {
    await patchStatus(client, claim, { allocatedResourceStatuses: { storage: 'NodeResizeInProgress' } }, ctx);
    const secret = volume.expandSecret && (await client.get(coreV1.Secret, volume.expandSecret, ctx));
    await driver.service.expand(
      {
        volumeId: volume.handle,
        volumePath: target,
        stagingTargetPath: staging,
        capacityRange: { requiredBytes: bytes },
        volumeCapability: capabilityOf(volume, driver.capabilities, undefined),
        secrets: decoded(secret?.data),
      },
      ctx,
    );
  } catch (error) {
    ctx.signal.throwIfAborted();
    const text = `NodeExpandVolume.NodeExpandVolume failed for volume "${volume.specName}" : ${describeError(error)}`;
    recorder.event(pod, 'Warning', 'VolumeResizeFailed', text);
    recorder.event(claim, 'Warning', 'VolumeResizeFailed', text);
    const isInfeasible = error instanceof CsiError && INFEASIBLE.has(error.code);
    const state = isInfeasible ? 'NodeResizeInfeasible' : 'NodeResizePending';
    await patchStatus(client, claim, { allocatedResourceStatuses: { storage: state } }, ctx);
    return false;
  }
  return true;
}

async function declareGrown(
  pod: Pod,
  claim: PersistentVolumeClaim,
  { metadata, spec }: PersistentVolume,
  { client, recorder }: ExpandDeps,
  ctx: Ctx,
): Promise<void> {
  const conditions = (claim.status?.conditions ?? []).filter(({ type }) => !OF_RESIZING.has(type));
  const capacity = { ...claim.status?.capacity, storage: spec.capacity?.['storage'] };
  await patchStatus(client, claim, { capacity, conditions, allocatedResourceStatuses: null }, ctx);
  const text = `MountVolume.NodeExpandVolume succeeded for volume "${metadata.name}"`;
  recorder.event(pod, 'Normal', 'FileSystemResizeSuccessful', text);
  recorder.event(claim, 'Normal', 'FileSystemResizeSuccessful', text);
}

async function patchStatus(client: Client, claim: PersistentVolumeClaim, status: object, ctx: Ctx): Promise<void> {
  await client.patch(coreV1.PersistentVolumeClaim, claim.metadata, { type: 'merge', body: { status } }, ctx, {
    subresource: 'status',
  });
}

function decoded(data: Readonly<Record<string, string>> = {}): Record<string, string> {
  const decoder = new TextDecoder();
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, decoder.decode(decodeBytes(text))]));
}
