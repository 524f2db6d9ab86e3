/** How much room the node has, as the scheduler reads it. Source: KEP 1472, CSIStorageCapacity. */
import { type NewObject, quantityValue, storageV1 } from '@kapella/api';
import type { CSIStorageCapacity, StorageClass } from '@kapella/api/types/storage-v1';
import { type Ctx, isReason } from '@kapella/base';
import type { Client } from '@kapella/client';

/** Where the capacities of nodes are published. */
const CAPACITY_NAMESPACE = 'kube-system';
/** A change by less than this part is not worth a write. */
const CHANGE_MIN = 0.02;

export function capacityObject(
  { metadata }: StorageClass,
  node: { readonly name: string; readonly uid: string; readonly topology: Readonly<Record<string, string>> },
  freeBytes: number,
): NewObject<CSIStorageCapacity> {
  const capacity = `${Math.floor(freeBytes / 1024 ** 2)}Mi`;
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIStorageCapacity',
    metadata: {
      name: `${metadata.name}-${node.name}`,
      namespace: CAPACITY_NAMESPACE,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid }],
    },
    storageClassName: metadata.name,
    nodeTopology: { matchLabels: node.topology },
    capacity,
  };
}

export async function publishCapacity(client: Client, wanted: NewObject<CSIStorageCapacity>, ctx: Ctx): Promise<void> {
  const id = { namespace: CAPACITY_NAMESPACE, name: wanted.metadata.name as string };
  const present = await client.get(storageV1.CSIStorageCapacity, id, ctx);
  if (present === undefined) {
    await client.create(storageV1.CSIStorageCapacity, wanted, ctx).catch((error: unknown) => {
      if (!isReason(error, 'AlreadyExists')) throw error;
    });
    return;
  }
  const [old, now] = [quantityValue(present.capacity ?? '0'), quantityValue(wanted.capacity ?? '0')];
  if (Math.abs(old - now) < old * CHANGE_MIN) return;
  await client.update(storageV1.CSIStorageCapacity, { ...present, capacity: wanted.capacity }, ctx);
}
