/** networking.k8s.io/v1 ServiceCIDR, as the API server sees it. Source: kubernetes pkg/registry/networking/servicecidr. */
import type { ServiceCIDR } from '@kapella/api/types/networking-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateServiceCidr, validateServiceCidrUpdate } from './servicecidr.validate.ts';

export const serviceCIDRResource = defineResource<ServiceCIDR>({
  id: {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'ServiceCIDR',
    plural: 'servicecidrs',
    singular: 'servicecidr',
  },
  scope: 'cluster',
  clearedOnCreate: ['status'],
  subresources: { status: { writes: ['status'] } },
  columns: [nameColumn(), { name: 'CIDRs', value: ({ spec }) => (spec?.cidrs ?? []).join(',') }, ageColumn()],
  validate: validateServiceCidr,
  validateUpdate: validateServiceCidrUpdate,
  allowUnconditionalUpdate: true,
});
