/** Which claims may grow. Source: kubernetes plugin/pkg/admission/storage/persistentvolume/resize/admission.go. */
import { Quantity, storageV1 } from '@kapella/api';
import type { PersistentVolumeClaim } from '@kapella/api/types/core-v1';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { isFor, refuse, withSpec } from '../../support/request.ts';
import { parseAmount } from '../../support/resources.ts';

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
const ONLY_DYNAMIC =
  'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';

export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  handles: (request) =>
    request.operation === 'UPDATE' && isFor(request, 'persistentvolumeclaims') && request.subresource === '',

  async validate(request, server) {
    const next = withSpec<PersistentVolumeClaim>(request.object);
    const old = withSpec<PersistentVolumeClaim>(request.oldObject);
    const sizeOf = (claim: PersistentVolumeClaim) =>
      parseAmount(claim.spec.resources?.requests?.storage ?? '0') ?? Quantity.zero;
    if (sizeOf(next).compare(sizeOf(old)) <= 0) return;
    if (old.status?.phase !== 'Bound') throw refuse(request, 'Only bound persistent volume claims can be expanded');
    const classOf = (claim: PersistentVolumeClaim) =>
      claim.metadata.annotations?.[CLASS_ANNOTATION] ?? claim.spec.storageClassName ?? '';
    const name = classOf(next);
    const found = name === '' || name !== classOf(old) ? undefined : await server.get(storageV1.StorageClass, '', name);
    if (found?.allowVolumeExpansion !== true) throw refuse(request, ONLY_DYNAMIC);
  },
};
