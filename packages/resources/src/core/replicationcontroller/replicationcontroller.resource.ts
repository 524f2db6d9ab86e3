/** v1 ReplicationController, as the API server sees it. Source: kubernetes pkg/registry/core/replicationcontroller. */
import type { ReplicationController } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn, podColumns } from '../../support/columns.ts';
import { formatLabels } from '../../support/format.ts';
import { withTemplateDefaults } from '../../support/pod-defaults.ts';
import {
  validateReplicationController,
  validateReplicationControllerStatus,
} from './replicationcontroller.validate.ts';

const hasLabels = (labels: Readonly<Record<string, string>> | undefined) => Object.keys(labels ?? {}).length > 0;

export const replicationControllerResource = defineResource<ReplicationController>({
  id: {
    group: '',
    version: 'v1',
    kind: 'ReplicationController',
    plural: 'replicationcontrollers',
    singular: 'replicationcontroller',
  },
  names: { short: ['rc'], categories: ['all'] },
  scope: 'namespaced',
  orphansByDefault: true,
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: {
    status: { writes: ['status'], validateUpdate: validateReplicationControllerStatus },
    scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
  },
  selectableFields: { 'status.replicas': (rc) => String(rc.status?.replicas ?? 0) },
  columns: [
    nameColumn(),
    { name: 'Desired', type: 'integer', value: (rc) => rc.spec.replicas ?? 0 },
    { name: 'Current', type: 'integer', value: (rc) => rc.status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', value: (rc) => rc.status?.readyReplicas ?? 0 },
    ageColumn(),
    ...podColumns<ReplicationController>((rc) => rc.spec.template?.spec),
    { name: 'Selector', wide: true, value: (rc) => formatLabels(rc.spec.selector) },
  ],
  withDefaults(rc) {
    const spec = rc.spec ?? {};
    const labels = spec.template?.metadata?.labels;
    const selector = hasLabels(spec.selector) ? spec.selector : labels;
    return {
      ...rc,
      metadata: hasLabels(rc.metadata.labels) || !labels ? rc.metadata : { ...rc.metadata, labels },
      spec: {
        ...spec,
        replicas: spec.replicas ?? 1,
        ...(selector && { selector }),
        ...(spec.template && { template: withTemplateDefaults(spec.template) }),
      },
    };
  },
  validate: validateReplicationController,
  validateUpdate: (next, _old, errors) => validateReplicationController(next, errors),
  allowUnconditionalUpdate: true,
});
