/** VolumeSnapshots of the driver's volumes. Source: kubernetes-csi/external-snapshotter, its contract. */
import { coreV1 } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import { type Ctx, formatTime, isReason } from '@kapella/base';
import type { Cache, Client } from '@kapella/client';
import type { ControllerService } from '../controller-service.ts';
import { DRIVER_NAME, sizeText } from '../images.ts';
import { isOn } from './backend.ts';
import {
  Snapshot,
  SnapshotClass,
  SnapshotContent,
  type VolumeSnapshot,
  type VolumeSnapshotClass,
  type VolumeSnapshotContent,
} from './snapshot-kinds.ts';

const FINALIZER = `${DRIVER_NAME}/snapshot`;

export interface SnapshotState {
  readonly nodeId: string;
  readonly snapshots: readonly VolumeSnapshot[];
  readonly contents: readonly VolumeSnapshotContent[];
  readonly classes: readonly VolumeSnapshotClass[];
  readonly claims: readonly PersistentVolumeClaim[];
  readonly volumes: readonly PersistentVolume[];
}

export interface SnapshotPlan {
  readonly take: readonly {
    readonly snapshot: VolumeSnapshot;
    readonly volume: PersistentVolume;
    readonly snapshotClass: VolumeSnapshotClass;
  }[];
  readonly drop: readonly { readonly snapshot: VolumeSnapshot; readonly content: VolumeSnapshotContent | undefined }[];
}

/** Pure. Only volumes of this node. */
export function planSnapshots({ nodeId, snapshots, contents, classes, claims, volumes }: SnapshotState): SnapshotPlan {
  const take: SnapshotPlan['take'][number][] = [];
  const drop: SnapshotPlan['drop'][number][] = [];
  const ours = classes.filter(({ driver }) => driver === DRIVER_NAME);
  for (const snapshot of snapshots) {
    const { namespace, deletionTimestamp, finalizers = [] } = snapshot.metadata;
    const snapshotClass = ours.find(({ metadata }) => metadata.name === snapshot.spec.volumeSnapshotClassName);
    const claimName = snapshot.spec.source.persistentVolumeClaimName;
    const claim = claims.find(({ metadata }) => metadata.namespace === namespace && metadata.name === claimName);
    const volume = volumes.find(({ metadata }) => metadata.name === claim?.spec.volumeName);
    if (deletionTimestamp !== undefined) {
      const content = contents.find(({ metadata }) => metadata.name === contentNameOf(snapshot));
      if (finalizers.includes(FINALIZER)) drop.push({ snapshot, content });
    } else if (snapshotClass && volume && isOn(volume, nodeId) && snapshot.status?.readyToUse !== true) {
      take.push({ snapshot, volume, snapshotClass });
    }
  }
  return { take, drop };
}

const contentNameOf = ({ metadata }: VolumeSnapshot) => `snapcontent-${metadata.uid}`;

export function stateOf(cache: Cache, nodeId: string): SnapshotState {
  return {
    nodeId,
    snapshots: cache.list(Snapshot),
    contents: cache.list(SnapshotContent),
    classes: cache.list(SnapshotClass),
    claims: cache.list(coreV1.PersistentVolumeClaim),
    volumes: cache.list(coreV1.PersistentVolume),
  };
}

export async function takeSnapshot(
  { snapshot, volume, snapshotClass }: SnapshotPlan['take'][number],
  controller: ControllerService,
  client: Client,
  ctx: Ctx,
): Promise<void> {
  const { namespace, name, uid, finalizers = [] } = snapshot.metadata;
  if (!finalizers.includes(FINALIZER)) {
    const metadata = { finalizers: [...finalizers, FINALIZER] };
    await client.patch(Snapshot, snapshot.metadata, { type: 'merge', body: { metadata } }, ctx);
  }
  const volumeHandle = volume.spec.csi?.volumeHandle ?? '';
  const made = await controller.createSnapshot({ name: `snapshot-${uid}`, sourceVolumeId: volumeHandle });
  const { snapshotId, sizeBytes, creationTime } = made.snapshot;
  const content = {
    metadata: { name: contentNameOf(snapshot) },
    spec: {
      deletionPolicy: snapshotClass.deletionPolicy,
      driver: DRIVER_NAME,
      source: { volumeHandle },
      sourceVolumeMode: volume.spec.volumeMode ?? 'Filesystem',
      volumeSnapshotClassName: snapshotClass.metadata.name,
      volumeSnapshotRef: { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot', namespace, name, uid },
    },
  };
  const id = { name: content.metadata.name };
  const present = (await client.get(SnapshotContent, id, ctx)) ?? (await client.create(SnapshotContent, content, ctx));
  const ns = creationTime.seconds * 1_000_000_000 + creationTime.nanos;
  const status = { snapshotHandle: snapshotId, readyToUse: true, restoreSize: sizeBytes, creationTime: ns };
  await client.patch(SnapshotContent, present.metadata, { type: 'merge', body: { status } }, ctx, {
    subresource: 'status',
  });
  const told = {
    boundVolumeSnapshotContentName: present.metadata.name,
    readyToUse: true,
    restoreSize: sizeText(sizeBytes),
    creationTime: formatTime(creationTime.seconds * 1000),
  };
  await client.patch(Snapshot, snapshot.metadata, { type: 'merge', body: { status: told } }, ctx, {
    subresource: 'status',
  });
}

export async function dropSnapshot(
  { snapshot, content }: SnapshotPlan['drop'][number],
  controller: ControllerService,
  client: Client,
  ctx: Ctx,
): Promise<void> {
  if (content !== undefined && content.spec.deletionPolicy === 'Delete') {
    const snapshotId = content.status?.snapshotHandle;
    if (snapshotId !== undefined) await controller.deleteSnapshot({ snapshotId });
    await client.delete(SnapshotContent, content.metadata, ctx).catch(unlessMissing);
  }
  const finalizers = (snapshot.metadata.finalizers ?? []).filter((one) => one !== FINALIZER);
  const body = { metadata: { finalizers } };
  await client.patch(Snapshot, snapshot.metadata, { type: 'merge', body }, ctx).catch(unlessMissing);
}

function unlessMissing(error: unknown): undefined {
  if (isReason(error, 'NotFound')) return undefined;
  throw error;
}
