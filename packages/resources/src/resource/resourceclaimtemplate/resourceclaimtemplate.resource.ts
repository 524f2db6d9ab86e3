/** resource.k8s.io/v1 ResourceClaimTemplate, as the API server sees it. Source: kubernetes pkg/registry/resource/resourceclaimtemplate. */
import type { ResourceClaimTemplate } from '@kapella/api/types/resource-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { withClaimSpecDefaults } from '../device-requests.ts';

export const resourceClaimTemplateResource = defineResource<ResourceClaimTemplate>({
  id: {
    group: 'resource.k8s.io',
    version: 'v1',
    kind: 'ResourceClaimTemplate',
    plural: 'resourceclaimtemplates',
    singular: 'resourceclaimtemplate',
  },
  scope: 'namespaced',
  columns: [nameColumn(), ageColumn()],
  withDefaults: (template) => ({
    ...template,
    spec: { ...template.spec, spec: withClaimSpecDefaults(template.spec?.spec ?? {}) },
  }),
  validateUpdate: (next, old, errors) => errors.immutable('spec', next.spec, old.spec),
  allowUnconditionalUpdate: true,
});
