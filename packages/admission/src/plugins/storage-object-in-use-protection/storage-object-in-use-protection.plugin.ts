/** Volumes and claims in use are not deleted. Source: kubernetes plugin/pkg/admission/storage/storageobjectinuseprotection. */
import type { AdmissionPlugin } from '@kapella/apiserver';
import { isFor } from '../../support/request.ts';

const FINALIZERS: ReadonlyMap<string, string> = new Map([
  ['persistentvolumes', 'kubernetes.io/pv-protection'],
  ['persistentvolumeclaims', 'kubernetes.io/pvc-protection'],
]);

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: (request) =>
    request.operation === 'CREATE' &&
    request.subresource === '' &&
    (isFor(request, 'persistentvolumes') || isFor(request, 'persistentvolumeclaims')),

  async admit({ object, resource }) {
    const finalizer = FINALIZERS.get(resource.resource);
    const present = object?.metadata.finalizers ?? [];
    if (object === undefined || finalizer === undefined || present.includes(finalizer)) return undefined;
    return { ...object, metadata: { ...object.metadata, finalizers: [...present, finalizer] } };
  },
};
