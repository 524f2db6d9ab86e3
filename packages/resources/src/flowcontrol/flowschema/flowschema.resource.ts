/** flowcontrol.apiserver.k8s.io/v1 FlowSchema, as the API server sees it. Source: kubernetes pkg/registry/flowcontrol/flowschema. */
import type { FlowSchema } from '@kapella/api/types/flowcontrol-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateFlowSchema } from './validate.ts';

export const flowSchemaResource = defineResource<FlowSchema>({
  id: {
    group: 'flowcontrol.apiserver.k8s.io',
    version: 'v1',
    kind: 'FlowSchema',
    plural: 'flowschemas',
    singular: 'flowschema',
  },
  scope: 'cluster',
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: { status: { writes: ['status'] } },
  columns: [
    nameColumn(),
    { name: 'PriorityLevel', value: ({ spec }) => spec.priorityLevelConfiguration?.name ?? '' },
    { name: 'MatchingPrecedence', value: ({ spec }) => spec.matchingPrecedence ?? 0 },
    { name: 'DistinguisherMethod', value: ({ spec }) => spec.distinguisherMethod?.type ?? '<none>' },
    ageColumn(),
    {
      name: 'MissingPL',
      value: ({ status }) => status?.conditions?.find((condition) => condition.type === 'Dangling')?.status ?? '?',
    },
  ],
  withDefaults: (schema) => ({
    ...schema,
    spec: { ...schema.spec, matchingPrecedence: schema.spec?.matchingPrecedence || 1000 },
  }),
  validate: validateFlowSchema,
  validateUpdate: (next, _old, errors) => validateFlowSchema(next, errors),
  allowUnconditionalUpdate: true,
});
