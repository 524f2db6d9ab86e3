/** policy/v1 PodDisruptionBudget, as the API server sees it. Source: kubernetes pkg/registry/policy/poddisruptionbudget. */
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateBudget, validateBudgetStatus } from './poddisruptionbudget.validate.ts';

export const podDisruptionBudgetResource = defineResource<PodDisruptionBudget>({
  id: {
    group: 'policy',
    version: 'v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    singular: 'poddisruptionbudget',
  },
  names: { short: ['pdb'] },
  scope: 'namespaced',
  allowUnconditionalUpdate: false,
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: { status: { writes: ['status'], validateUpdate: validateBudgetStatus } },
  columns: [
    nameColumn(),
    { name: 'Min Available', value: ({ spec }) => String(spec.minAvailable ?? 'N/A') },
    { name: 'Max Unavailable', value: ({ spec }) => String(spec.maxUnavailable ?? 'N/A') },
    { name: 'Allowed Disruptions', type: 'integer', value: ({ status }) => status?.disruptionsAllowed ?? 0 },
    ageColumn(),
  ],
  withDefaults: (budget) => ({ ...budget, spec: budget.spec ?? {} }),
  validate: validateBudget,
  validateUpdate: (next, _old, errors) => validateBudget(next, errors),
});
