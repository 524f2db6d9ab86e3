/** storage.k8s.io/v1 CSINode, as the API server sees it. Source: kubernetes pkg/registry/storage/csinode. */
import type { CSINode } from '@kapella/api/types/storage-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateCsiNode, validateCsiNodeUpdate } from '../storage.validate.ts';

export const csiNodeResource = defineResource<CSINode>({
  id: { group: 'storage.k8s.io', version: 'v1', kind: 'CSINode', plural: 'csinodes', singular: 'csinode' },
  scope: 'cluster',
  allowUnconditionalUpdate: false,
  columns: [
    nameColumn(),
    { name: 'Drivers', type: 'integer', value: ({ spec }) => spec?.drivers?.length ?? 0 },
    ageColumn(),
  ],
  withDefaults: (node) => ({ ...node, spec: { ...node.spec, drivers: node.spec?.drivers ?? [] } }),
  validate: validateCsiNode,
  validateUpdate: validateCsiNodeUpdate,
});
