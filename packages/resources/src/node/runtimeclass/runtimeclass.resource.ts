/** node.k8s.io/v1 RuntimeClass, as the API server sees it. Source: kubernetes pkg/registry/node/runtimeclass. */
import type { RuntimeClass } from '@kapella/api/types/node-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateRuntimeClass, validateRuntimeClassUpdate } from './runtimeclass.validate.ts';

export const runtimeClassResource = defineResource<RuntimeClass>({
  id: {
    group: 'node.k8s.io',
    version: 'v1',
    kind: 'RuntimeClass',
    plural: 'runtimeclasses',
    singular: 'runtimeclass',
  },
  scope: 'cluster',
  allowUnconditionalUpdate: false,
  columns: [nameColumn(), { name: 'Handler', value: (item) => item.handler ?? '' }, ageColumn()],
  validate: validateRuntimeClass,
  validateUpdate: validateRuntimeClassUpdate,
  allowCreateOnUpdate: true,
});
