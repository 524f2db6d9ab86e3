/** apps/v1 StatefulSet, as the API server sees it. Source: kubernetes pkg/registry/apps/statefulset. */
import type { StatefulSet, StatefulSetSpec } from '@kapella/api/types/apps-v1';
import { defineResource } from '@kapella/apiserver';
import { withClaimDefaults } from '../../support/claim.ts';
import { ageColumn, nameColumn, podColumns } from '../../support/columns.ts';
import { withTemplateDefaults } from '../../support/pod-defaults.ts';
import { templateWarnings } from '../../support/warnings.ts';
import { validateStatefulSet, validateStatefulSetStatus, validateStatefulSetUpdate } from './statefulset.validate.ts';

export const statefulSetResource = defineResource<StatefulSet>({
  id: { group: 'apps', version: 'v1', kind: 'StatefulSet', plural: 'statefulsets', singular: 'statefulset' },
  names: { short: ['sts'], categories: ['all'] },
  scope: 'namespaced',
  nameRule: 'dns-label',
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: {
    status: { writes: ['status'], validateUpdate: validateStatefulSetStatus },
    scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
  },
  columns: [
    nameColumn(),
    { name: 'Ready', value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}` },
    ageColumn(),
    ...podColumns<StatefulSet>((set) => set.spec.template.spec),
  ],
  withDefaults: (set) => ({ ...set, spec: withSpecDefaults(set.spec ?? {}) }),
  prepareForCreate: withoutMaxUnavailable,
  prepareForUpdate: (set, old) => (maxUnavailableOf(old) === undefined ? withoutMaxUnavailable(set) : set),
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  allowUnconditionalUpdate: true,
  warnings: templateWarnings((set) => set.spec.template, { nameIsHostname: false }),
});

const maxUnavailableOf = (set: StatefulSet) => set.spec.updateStrategy?.rollingUpdate?.maxUnavailable;

/** Its gate, MaxUnavailableStatefulSet, is off in 1.36: only who has the field keeps it. */
function withoutMaxUnavailable(set: StatefulSet): StatefulSet {
  const { updateStrategy } = set.spec;
  if (updateStrategy?.rollingUpdate?.maxUnavailable === undefined) return set;
  const { maxUnavailable: _, ...rollingUpdate } = updateStrategy.rollingUpdate;
  return { ...set, spec: { ...set.spec, updateStrategy: { ...updateStrategy, rollingUpdate } } };
}

function withSpecDefaults(spec: StatefulSetSpec): StatefulSetSpec {
  const { type: givenType, rollingUpdate: givenRolling } = spec.updateStrategy ?? {};
  const type = givenType || 'RollingUpdate';
  // Only a strategy that was left out altogether gets a rollingUpdate of its own.
  const rolling = givenRolling ?? (givenType ? undefined : {});
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  return {
    ...spec,
    replicas: spec.replicas ?? 1,
    template: withTemplateDefaults(spec.template),
    ...(spec.volumeClaimTemplates && { volumeClaimTemplates: spec.volumeClaimTemplates.map(withClaimDefaults) }),
    podManagementPolicy: spec.podManagementPolicy || 'OrderedReady',
    updateStrategy: {
      ...spec.updateStrategy,
      type,
      ...(type === 'RollingUpdate' && rolling && { rollingUpdate: { ...rolling, partition: rolling.partition ?? 0 } }),
    },
    persistentVolumeClaimRetentionPolicy: {
      whenDeleted: retention?.whenDeleted || 'Retain',
      whenScaled: retention?.whenScaled || 'Retain',
    },
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
  };
}
