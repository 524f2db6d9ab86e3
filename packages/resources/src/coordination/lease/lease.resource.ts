/** coordination.k8s.io/v1 Lease, as the API server sees it. Source: kubernetes pkg/registry/coordination/lease. */
import type { Lease } from '@kapella/api/types/coordination-v1';
import { defineResource } from '@kapella/apiserver';
import type { FieldErrors } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { checkNotNegative } from '../../support/validation/basic.ts';

export const leaseResource = defineResource<Lease>({
  id: { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', singular: 'lease' },
  scope: 'namespaced',
  allowUnconditionalUpdate: false,
  columns: [nameColumn(), { name: 'Holder', value: (lease) => lease.spec?.holderIdentity ?? '' }, ageColumn()],
  withDefaults: (lease) => ({ ...lease, spec: lease.spec ?? {} }),
  validate: validateLease,
  validateUpdate: (next, _old, errors) => validateLease(next, errors),
  allowCreateOnUpdate: true,
});

function validateLease({ spec }: Lease, errors: FieldErrors): void {
  const seconds = spec.leaseDurationSeconds;
  if (seconds !== undefined && seconds <= 0) {
    errors.invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0');
  }
  checkNotNegative(spec.leaseTransitions, errors, 'spec.leaseTransitions');
}
