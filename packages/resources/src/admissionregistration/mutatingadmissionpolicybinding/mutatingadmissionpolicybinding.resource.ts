/**
 * admissionregistration.k8s.io/v1 MutatingAdmissionPolicyBinding, as the API server sees it.
 * Source: kubernetes pkg/registry/admissionregistration/mutatingadmissionpolicybinding.
 */
import type { MutatingAdmissionPolicyBinding } from '@kapella/api/types/admissionregistration-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { paramRefText, withMatchDefaults } from '../admission-defaults.ts';

export const mutatingAdmissionPolicyBindingResource = defineResource<MutatingAdmissionPolicyBinding>({
  id: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind: 'MutatingAdmissionPolicyBinding',
    plural: 'mutatingadmissionpolicybindings',
    singular: 'mutatingadmissionpolicybinding',
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
