/** apps/v1 ReplicaSet, as the API server sees it. Source: kubernetes pkg/registry/apps/replicaset. */
import type { ReplicaSet } from '@kapella/api/types/apps-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn, podColumns } from '../../support/columns.ts';
import { formatSelector } from '../../support/format.ts';
import { withTemplateDefaults } from '../../support/pod-defaults.ts';
import { templateWarnings } from '../../support/warnings.ts';
import { validateReplicaSet, validateReplicaSetStatus, validateReplicaSetUpdate } from './replicaset.validate.ts';

export const replicaSetResource = defineResource<ReplicaSet>({
  id: { group: 'apps', version: 'v1', kind: 'ReplicaSet', plural: 'replicasets', singular: 'replicaset' },
  names: { short: ['rs'], categories: ['all'] },
  scope: 'namespaced',
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: {
    status: { writes: ['status'], validateUpdate: validateReplicaSetStatus },
    scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
  },
  columns: [
    nameColumn(),
    { name: 'Desired', type: 'integer', value: (set) => set.spec.replicas ?? 1 },
    { name: 'Current', type: 'integer', value: (set) => set.status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', value: (set) => set.status?.readyReplicas ?? 0 },
    ageColumn(),
    ...podColumns<ReplicaSet>((set) => set.spec.template?.spec),
    { name: 'Selector', wide: true, value: (set) => formatSelector(set.spec.selector) },
  ],
  withDefaults: (set) => ({
    ...set,
    spec: { ...set.spec, replicas: set.spec?.replicas ?? 1, template: withTemplateDefaults(set.spec?.template) },
  }),
  validate: validateReplicaSet,
  validateUpdate: validateReplicaSetUpdate,
  allowUnconditionalUpdate: true,
  warnings: templateWarnings((set) => set.spec.template, { nameIsHostname: true }),
});
