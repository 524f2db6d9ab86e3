/**
 * flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration, as the API server sees it.
 * Source: kubernetes pkg/registry/flowcontrol/prioritylevelconfiguration.
 */
import type { PriorityLevelConfiguration, PriorityLevelConfigurationSpec } from '@kapella/api/types/flowcontrol-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateLevel } from './validate.ts';

export const priorityLevelConfigurationResource = defineResource<PriorityLevelConfiguration>({
  id: {
    group: 'flowcontrol.apiserver.k8s.io',
    version: 'v1',
    kind: 'PriorityLevelConfiguration',
    plural: 'prioritylevelconfigurations',
    singular: 'prioritylevelconfiguration',
  },
  scope: 'cluster',
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: { status: { writes: ['status'] } },
  columns: [
    nameColumn(),
    { name: 'Type', value: ({ spec }) => spec.type ?? '' },
    { name: 'NominalConcurrencyShares', value: ({ spec }) => spec.limited?.nominalConcurrencyShares ?? '<none>' },
    { name: 'Queues', value: ({ spec }) => spec.limited?.limitResponse?.queuing?.queues ?? '<none>' },
    { name: 'HandSize', value: ({ spec }) => spec.limited?.limitResponse?.queuing?.handSize ?? '<none>' },
    {
      name: 'QueueLengthLimit',
      value: ({ spec }) => spec.limited?.limitResponse?.queuing?.queueLengthLimit ?? '<none>',
    },
    ageColumn(),
  ],
  withDefaults: (level) => ({ ...level, spec: withSpecDefaults(level.spec ?? {}) }),
  validate: validateLevel,
  validateUpdate: (next, _old, errors) => validateLevel(next, errors),
  allowUnconditionalUpdate: true,
});

function withSpecDefaults(spec: PriorityLevelConfigurationSpec): PriorityLevelConfigurationSpec {
  const { exempt, limited } = spec;
  const queuing = limited?.limitResponse?.queuing;
  return {
    ...spec,
    ...(exempt && {
      exempt: {
        ...exempt,
        nominalConcurrencyShares: exempt.nominalConcurrencyShares ?? 0,
        lendablePercent: exempt.lendablePercent ?? 0,
      },
    }),
    ...(limited && {
      limited: {
        ...limited,
        nominalConcurrencyShares: limited.nominalConcurrencyShares ?? 30,
        lendablePercent: limited.lendablePercent ?? 0,
        ...(queuing &&
          limited.limitResponse && {
            limitResponse: {
              ...limited.limitResponse,
              queuing: {
                queues: queuing.queues || 64,
                handSize: queuing.handSize || 8,
                queueLengthLimit: queuing.queueLengthLimit || 50,
              },
            },
          }),
      },
    }),
  };
}
