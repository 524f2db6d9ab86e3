/** Cluster objects that plugins look up by name; kept by the caller. Synchronous: informers answer them. */
import type {
  Namespace,
  PersistentVolume,
  PersistentVolumeClaim,
  ReplicationController,
  Service,
} from '@kapella/api/types/core-v1';
import type { ReplicaSet, StatefulSet } from '@kapella/api/types/apps-v1';
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import type { DeviceClass, ResourceClaim, ResourceSlice } from '@kapella/api/types/resource-v1';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '@kapella/api/types/storage-v1';

/** Kinds that plugins read. The key: the name in KindOf and in cluster events. */
export interface LookupKinds {
  readonly Namespace: Namespace;
  readonly Service: Service;
  readonly ReplicationController: ReplicationController;
  readonly ReplicaSet: ReplicaSet;
  readonly StatefulSet: StatefulSet;
  readonly PersistentVolume: PersistentVolume;
  readonly PersistentVolumeClaim: PersistentVolumeClaim;
  readonly StorageClass: StorageClass;
  readonly CSINode: CSINode;
  readonly CSIDriver: CSIDriver;
  readonly CSIStorageCapacity: CSIStorageCapacity;
  readonly VolumeAttachment: VolumeAttachment;
  readonly PodDisruptionBudget: PodDisruptionBudget;
  readonly ResourceClaim: ResourceClaim;
  readonly ResourceSlice: ResourceSlice;
  readonly DeviceClass: DeviceClass;
}

export type LookupKind = keyof LookupKinds;

export interface ClusterLookup {
  /** `name` of a cluster-scoped object, `namespace/name` of any other. */
  get<K extends LookupKind>(kind: K, key: string): LookupKinds[K] | undefined;
  /** All, or those of one namespace. */
  list<K extends LookupKind>(kind: K, namespace?: string): readonly LookupKinds[K][];
}

/** A fixed set of objects: for tests, and for `kapella explain`, which reads them once. */
export function createStaticLookup(
  objects: Iterable<{
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace?: string };
  }>,
): ClusterLookup {
  const kinds = new Map<string, Map<string, object>>();
  for (const object of objects) {
    const byKey = kinds.get(object.kind) ?? new Map<string, object>();
    const { namespace, name } = object.metadata;
    byKey.set(namespace ? `${namespace}/${name}` : name, object);
    kinds.set(object.kind, byKey);
  }
  return {
    get: <K extends LookupKind>(kind: K, key: string) => kinds.get(kind)?.get(key) as LookupKinds[K] | undefined,
    list: <K extends LookupKind>(kind: K, namespace?: string) =>
      ([...(kinds.get(kind)?.values() ?? [])] as LookupKinds[K][]).filter(
        ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
      ),
  };
}
