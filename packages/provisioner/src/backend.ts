/** What makes the volumes of one node. */
import type { PersistentVolume, PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import type { Ctx } from '@kapella/base';

/** What only the backend knows of the new volume: its source, size and place. */
export type VolumeParts = Pick<PersistentVolume['spec'], 'capacity' | 'local' | 'csi' | 'nodeAffinity'>;

export interface ProvisionerBackend {
  /** As storage classes name it. */
  readonly name: string;
  /** Label by which the scheduler tells this node's volumes from others. */
  readonly topologyKey: string;
  /** Why a claim can never be served; undefined = it can. */
  refusal(claim: PersistentVolumeClaim): string | undefined;
  /** Idempotent; `name` is that of the persistent volume. Throws an Error whose text the claim is told. */
  create(name: string, claim: PersistentVolumeClaim, storageClass: StorageClass, ctx: Ctx): Promise<VolumeParts>;
  /** The volume is on this node, and was made here. */
  owns(volume: PersistentVolume): boolean;
  /** Idempotent. */
  remove(volume: PersistentVolume, ctx: Ctx): Promise<void>;
  freeBytes(): Promise<number>;
}
