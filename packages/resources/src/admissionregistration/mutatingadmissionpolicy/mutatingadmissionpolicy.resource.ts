/**
 * admissionregistration.k8s.io/v1 MutatingAdmissionPolicy, as the API server sees it.
 * Source: kubernetes pkg/registry/admissionregistration/mutatingadmissionpolicy.
 */
import type { MutatingAdmissionPolicy } from '@kapella/api/types/admissionregistration-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateMutatingPolicy } from '../policies.validate.ts';
import { withMatchDefaults } from '../admission-defaults.ts';

export const mutatingAdmissionPolicyResource = defineResource<MutatingAdmissionPolicy>({
  id: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind: 'MutatingAdmissionPolicy',
    plural: 'mutatingadmissionpolicies',
    singular: 'mutatingadmissionpolicy',
  },
  names: { categories: ['api-extensions'] },
  scope: 'cluster',
  allowUnconditionalUpdate: false,
  generationBumpsOn: ['spec'],
  columns: [
    nameColumn(),
    { name: 'Mutations', type: 'integer', value: ({ spec }) => spec?.mutations?.length ?? 0 },
    {
      name: 'ParamKind',
      value: ({ spec }) =>
        spec?.paramKind === undefined ? '<unset>' : `${spec.paramKind.apiVersion}/${spec.paramKind.kind}`,
    },
    ageColumn(),
  ],
  withDefaults: (policy) => ({
    ...policy,
    spec: {
      ...policy.spec,
      ...(policy.spec?.matchConstraints && { matchConstraints: withMatchDefaults(policy.spec.matchConstraints) }),
      failurePolicy: policy.spec?.failurePolicy ?? 'Fail',
    },
  }),
  validate: validateMutatingPolicy,
  validateUpdate: (next, _old, errors) => validateMutatingPolicy(next, errors),
});
