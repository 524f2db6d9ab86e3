/**
 * admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy, as the API server sees it.
 * Source: kubernetes pkg/registry/admissionregistration/validatingadmissionpolicy.
 */
import type { ValidatingAdmissionPolicy } from '@kapella/api/types/admissionregistration-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateValidatingPolicy } from '../policies.validate.ts';
import { withMatchDefaults } from '../admission-defaults.ts';

export const validatingAdmissionPolicyResource = defineResource<ValidatingAdmissionPolicy>({
  id: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind: 'ValidatingAdmissionPolicy',
    plural: 'validatingadmissionpolicies',
    singular: 'validatingadmissionpolicy',
  },
  names: { categories: ['api-extensions'] },
  scope: 'cluster',
  allowUnconditionalUpdate: false,
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: { status: { writes: ['status'] } },
  columns: [
    nameColumn(),
    { name: 'Validations', type: 'integer', value: ({ spec }) => spec?.validations?.length ?? 0 },
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
  validate: validateValidatingPolicy,
  validateUpdate: (next, _old, errors) => validateValidatingPolicy(next, errors),
});
