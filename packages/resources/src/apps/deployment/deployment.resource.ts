/** apps/v1 Deployment, as the API server sees it. Source: kubernetes pkg/registry/apps/deployment, pkg/apis/apps/v1. */
import type { Deployment, DeploymentSpec } from '@kapella/api/types/apps-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn, podColumns } from '../../support/columns.ts';
import { selectorText } from '../../support/format.ts';
import { withTemplateDefaults } from '../../support/pod-defaults.ts';
import { templateWarnings } from '../../support/warnings.ts';
import { validateDeployment, validateDeploymentStatus, validateDeploymentUpdate } from './deployment.validate.ts';

export const deploymentResource = defineResource<Deployment>({
  id: { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', singular: 'deployment' },
  names: { short: ['deploy'], categories: ['all'] },
  scope: 'namespaced',
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  // Annotations are copied to ReplicaSets, so a change of them is a change for the controller.
  generationBumpsOnAnnotations: true,
  subresources: {
    status: { writes: ['status'], validateUpdate: validateDeploymentStatus },
    scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
  },
  columns: [
    nameColumn(),
    { name: 'Ready', value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}` },
    { name: 'Up-to-date', value: (deployment) => deployment.status?.updatedReplicas ?? 0 },
    { name: 'Available', value: (deployment) => deployment.status?.availableReplicas ?? 0 },
    ageColumn(),
    ...podColumns<Deployment>((deployment) => deployment.spec.template.spec),
    { name: 'Selector', wide: true, value: (deployment) => selectorText(deployment.spec.selector) },
  ],
  withDefaults: (deployment) => ({ ...deployment, spec: withSpecDefaults(deployment.spec ?? {}) }),
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
  allowUnconditionalUpdate: true,
  warnings: templateWarnings((deployment) => deployment.spec.template, { nameIsHostname: true }),
});

function withSpecDefaults(spec: DeploymentSpec): DeploymentSpec {
  const type = spec.strategy?.type || 'RollingUpdate';
  const rolling = spec.strategy?.rollingUpdate;
  return {
    ...spec,
    replicas: spec.replicas ?? 1,
    template: withTemplateDefaults(spec.template),
    strategy: {
      ...spec.strategy,
      type,
      ...(type === 'RollingUpdate' && {
        rollingUpdate: {
          ...rolling,
          maxUnavailable: rolling?.maxUnavailable ?? '25%',
          maxSurge: rolling?.maxSurge ?? '25%',
        },
      }),
    },
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
    progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
  };
}
