/** storage.k8s.io/v1 VolumeAttachment, as the API server sees it. Source: kubernetes pkg/registry/storage/volumeattachment. */
import type { VolumeAttachment } from '@kapella/api/types/storage-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateVolumeAttachment, validateVolumeAttachmentUpdate } from '../storage.validate.ts';

export const volumeAttachmentResource = defineResource<VolumeAttachment>({
  id: {
    group: 'storage.k8s.io',
    version: 'v1',
    kind: 'VolumeAttachment',
    plural: 'volumeattachments',
    singular: 'volumeattachment',
  },
  scope: 'cluster',
  allowUnconditionalUpdate: false,
  clearedOnCreate: ['status'],
  subresources: { status: { writes: ['status'] } },
  columns: [
    nameColumn(),
    { name: 'Attacher', format: 'name', value: ({ spec }) => spec?.attacher ?? '' },
    { name: 'PV', value: ({ spec }) => spec?.source?.persistentVolumeName ?? '' },
    { name: 'Node', value: ({ spec }) => spec?.nodeName ?? '' },
    { name: 'Attached', type: 'boolean', value: ({ status }) => status?.attached ?? false },
    ageColumn(),
  ],
  validate: validateVolumeAttachment,
  validateUpdate: validateVolumeAttachmentUpdate,
});
