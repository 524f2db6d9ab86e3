/**
 * admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding, as the API server sees it.
 * Source: kubernetes pkg/registry/admissionregistration/validatingadmissionpolicybinding.
 */
import type { ValidatingAdmissionPolicyBinding } from '@kapella/api/types/admissionregistration-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { paramRefText, withMatchDefaults } from '../admission-defaults.ts';

export const validatingAdmissionPolicyBindingResource = defineResource<ValidatingAdmissionPolicyBinding>({
  id: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    plural: 'validatingadmissionpolicybindings',
    singular: 'validatingadmissionpolicybinding',
  },
  names: { categories: ['api-extensions'] },
  scope: 'cluster',
  allowUnconditionalUpdate: false,
  generationBumpsOn: ['spec'],
  columns: [
    nameColumn(),
    { name: 'PolicyName', value: ({ spec }) => spec?.policyName ?? '' },
    { name: 'ParamRef', value: ({ spec }) => paramRefText(spec?.paramRef) },
    ageColumn(),
  ],
  withDefaults: (binding) => ({
    ...binding,
    spec: {
      ...binding.spec,
      ...(binding.spec?.matchResources && { matchResources: withMatchDefaults(binding.spec.matchResources) }),
    },
  }),
});
