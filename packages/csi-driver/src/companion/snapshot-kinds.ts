/** Kinds of snapshot.storage.k8s.io/v1, as far as they are used here. Source: kubernetes-csi/external-snapshotter. */
import type { KindRef, KubeObject } from '@kapella/api';

export const GROUP = 'snapshot.storage.k8s.io';

export interface VolumeSnapshot extends KubeObject {
  readonly spec: {
    readonly source: { readonly persistentVolumeClaimName?: string; readonly volumeSnapshotContentName?: string };
    readonly volumeSnapshotClassName?: string;
  };
  readonly status?: {
    readonly boundVolumeSnapshotContentName?: string;
    readonly readyToUse?: boolean;
    readonly restoreSize?: string;
    readonly creationTime?: string;
    readonly error?: { readonly message: string; readonly time: string };
  };
}

export interface VolumeSnapshotContent extends KubeObject {
  readonly spec: {
    readonly deletionPolicy: 'Delete' | 'Retain';
    readonly driver: string;
    readonly source: { readonly volumeHandle?: string; readonly snapshotHandle?: string };
    readonly sourceVolumeMode?: string;
    readonly volumeSnapshotClassName?: string;
    readonly volumeSnapshotRef: object;
  };
  readonly status?: {
    readonly snapshotHandle?: string;
    readonly readyToUse?: boolean;
    readonly restoreSize?: number;
    /** In ns. */
    readonly creationTime?: number;
  };
}

export interface VolumeSnapshotClass extends KubeObject {
  readonly driver: string;
  readonly deletionPolicy: 'Delete' | 'Retain';
}

const kind = <T>(name: string, plural: string, namespaced: boolean): KindRef<T> =>
  ({ group: GROUP, version: 'v1', kind: name, plural, namespaced }) as KindRef<T>;

export const Snapshot = kind<VolumeSnapshot>('VolumeSnapshot', 'volumesnapshots', true);
export const SnapshotContent = kind<VolumeSnapshotContent>('VolumeSnapshotContent', 'volumesnapshotcontents', false);
export const SnapshotClass = kind<VolumeSnapshotClass>('VolumeSnapshotClass', 'volumesnapshotclasses', false);
