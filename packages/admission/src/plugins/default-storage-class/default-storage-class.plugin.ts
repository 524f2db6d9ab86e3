/** Claims without a class get the default one. Source: kubernetes plugin/pkg/admission/storage/storageclass/setdefault. */
import { storageV1 } from '@kapella/api';
import type { PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { newestDefault } from '../../support/default-class.ts';
import { asObject, isFor, withSpec } from '../../support/request.ts';

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
const DEFAULT_ANNOTATIONS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  handles: (request) =>
    request.operation === 'CREATE' && isFor(request, 'persistentvolumeclaims') && request.subresource === '',

  async admit(request, server) {
    const claim = withSpec<PersistentVolumeClaim>(request.object);
    const named = claim.metadata.annotations?.[CLASS_ANNOTATION] ?? claim.spec.storageClassName;
    if (named !== undefined) return undefined;
    const found = newestDefault(await server.list(storageV1.StorageClass), DEFAULT_ANNOTATIONS);
    if (found === undefined) return undefined;
    return asObject({ ...claim, spec: { ...claim.spec, storageClassName: found.metadata.name } });
  },
};
