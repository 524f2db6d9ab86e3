/** apps/v1 DaemonSet, as the API server sees it. Source: kubernetes pkg/registry/apps/daemonset. */
import type { DaemonSet, DaemonSetSpec } from '@kapella/api/types/apps-v1';
import { defineResource } from '@kapella/apiserver';
import { jsonEqual } from '@kapella/base';
import { ageColumn, nameColumn, podColumns } from '../../support/columns.ts';
import { formatLabels, formatSelector } from '../../support/format.ts';
import { withTemplateDefaults } from '../../support/pod-defaults.ts';
import { templateWarnings } from '../../support/warnings.ts';
import { validateDaemonSet, validateDaemonSetStatus, validateDaemonSetUpdate } from './daemonset.validate.ts';

/** The template's own generation; apps/v1 keeps it in this annotation. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

export const daemonSetResource = defineResource<DaemonSet>({
  id: { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets', singular: 'daemonset' },
  names: { short: ['ds'], categories: ['all'] },
  scope: 'namespaced',
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: { status: { writes: ['status'], validateUpdate: validateDaemonSetStatus } },
  columns: [
    nameColumn(),
    { name: 'Desired', type: 'integer', value: (set) => set.status?.desiredNumberScheduled ?? 0 },
    { name: 'Current', type: 'integer', value: (set) => set.status?.currentNumberScheduled ?? 0 },
    { name: 'Ready', type: 'integer', value: (set) => set.status?.numberReady ?? 0 },
    { name: 'Up-to-date', type: 'integer', value: (set) => set.status?.updatedNumberScheduled ?? 0 },
    { name: 'Available', type: 'integer', value: (set) => set.status?.numberAvailable ?? 0 },
    { name: 'Node Selector', value: (set) => formatLabels(set.spec.template.spec.nodeSelector) },
    ageColumn(),
    ...podColumns<DaemonSet>((set) => set.spec.template.spec),
    { name: 'Selector', wide: true, value: (set) => formatSelector(set.spec.selector) },
  ],
  withDefaults: (set) => ({ ...set, spec: withSpecDefaults(set.spec ?? {}) }),
  prepareForCreate: (set) => withTemplateGeneration(set, Math.max(1, templateGeneration(set))),
  prepareForUpdate(next, old) {
    const before = templateGeneration(old);
    return withTemplateGeneration(next, jsonEqual(next.spec.template, old.spec.template) ? before : before + 1);
  },
  validate: validateDaemonSet,
  validateUpdate: validateDaemonSetUpdate,
  allowUnconditionalUpdate: true,
  warnings: templateWarnings((set) => set.spec.template, { nameIsHostname: false }),
});

function templateGeneration(set: DaemonSet): number {
  const value = Number(set.metadata.annotations?.[TEMPLATE_GENERATION] ?? '0');
  return Number.isInteger(value) ? value : 0;
}

function withTemplateGeneration(set: DaemonSet, generation: number): DaemonSet {
  const annotations = { ...set.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
  return { ...set, metadata: { ...set.metadata, annotations } };
}

function withSpecDefaults(spec: DaemonSetSpec): DaemonSetSpec {
  const type = spec.updateStrategy?.type || 'RollingUpdate';
  const rolling = spec.updateStrategy?.rollingUpdate;
  return {
    ...spec,
    template: withTemplateDefaults(spec.template),
    updateStrategy: {
      ...spec.updateStrategy,
      type,
      ...(type === 'RollingUpdate' && {
        rollingUpdate: {
          ...rolling,
          maxUnavailable: rolling?.maxUnavailable ?? 1,
          maxSurge: rolling?.maxSurge ?? 0,
        },
      }),
    },
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
  };
}
