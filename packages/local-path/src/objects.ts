/** What a cluster with this provisioner holds. Pure. */

export const LOCAL_PATH_PROVISIONER = 'local-path.kapella.io';
export const LOCAL_PATH_CLASS = 'local-path';

/** The class, and what tells the scheduler to look at capacities. In plain JSON. */
export function localPathObjects() {
  return [
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: {
        name: LOCAL_PATH_CLASS,
        annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
      },
      provisioner: LOCAL_PATH_PROVISIONER,
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'WaitForFirstConsumer',
    },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: LOCAL_PATH_PROVISIONER },
      spec: { attachRequired: false, storageCapacity: true },
    },
  ];
}
