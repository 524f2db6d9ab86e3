/** What a cluster is told of the driver. In plain JSON. */
import { DRIVER_NAME } from '../images.ts';

export const CSI_DRIVER = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name: DRIVER_NAME },
  spec: {
    attachRequired: false,
    podInfoOnMount: false,
    fsGroupPolicy: 'File',
    storageCapacity: true,
    volumeLifecycleModes: ['Persistent'],
  },
};

export const STORAGE_CLASS = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'loop' },
  provisioner: DRIVER_NAME,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
};
