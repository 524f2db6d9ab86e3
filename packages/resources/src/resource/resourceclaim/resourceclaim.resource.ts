/** resource.k8s.io/v1 ResourceClaim, as the API server sees it. Source: kubernetes pkg/registry/resource/resourceclaim. */
import type { ResourceClaim } from '@kapella/api/types/resource-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { withClaimSpecDefaults } from '../device-requests.ts';

export const resourceClaimResource = defineResource<ResourceClaim>({
  id: {
    group: 'resource.k8s.io',
    version: 'v1',
    kind: 'ResourceClaim',
    plural: 'resourceclaims',
    singular: 'resourceclaim',
  },
  scope: 'namespaced',
  clearedOnCreate: ['status'],
  subresources: { status: { writes: ['status'] } },
  columns: [nameColumn(), { name: 'State', value: stateOf }, ageColumn()],
  withDefaults: (claim) => ({ ...claim, spec: withClaimSpecDefaults(claim.spec ?? {}) }),
  validateUpdate: (next, old, errors) => errors.immutable('spec', next.spec, old.spec),
  allowUnconditionalUpdate: true,
});

function stateOf({ metadata, status }: ResourceClaim): string {
  const states: string[] = [];
  if (metadata.deletionTimestamp !== undefined) states.push('deleted');
  if (status?.allocation === undefined) {
    if (metadata.deletionTimestamp === undefined) states.push('pending');
  } else {
    states.push('allocated');
    if ((status.reservedFor?.length ?? 0) > 0) states.push('reserved');
  }
  return states.join(',');
}
