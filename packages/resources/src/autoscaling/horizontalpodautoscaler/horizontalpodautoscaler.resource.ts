/** autoscaling HorizontalPodAutoscaler, stored as v2. Source: kubernetes pkg/registry/autoscaling, pkg/apis/autoscaling. */
import type { HorizontalPodAutoscaler as AutoscalerV1 } from '@kapella/api/types/autoscaling-v1';
import type { HorizontalPodAutoscaler as AutoscalerV2 } from '@kapella/api/types/autoscaling-v2';
import { type Column, defineResource } from '@kapella/apiserver';
import type { KubeObject } from '@kapella/api';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { autoscalerFromV2, autoscalerToV2 } from './v1-conversion.ts';
import { withAutoscalerDefaults } from './horizontalpodautoscaler.defaults.ts';
import { metricsText } from './metrics-text.ts';
import {
  validateAutoscaler,
  validateAutoscalerStatus,
  validateAutoscalerUpdate,
} from './horizontalpodautoscaler.validate.ts';

const NAMES = { short: ['hpa'], categories: ['all'] } as const;
const ID = {
  group: 'autoscaling',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
} as const;

function columnsOf<T extends KubeObject>(toV2: (object: T) => AutoscalerV2): readonly Column<T>[] {
  return [
    nameColumn(),
    {
      name: 'Reference',
      value: (object) => {
        const ref = toV2(object).spec.scaleTargetRef;
        return `${ref?.kind ?? ''}/${ref?.name ?? ''}`;
      },
    },
    { name: 'Targets', value: (object) => metricsText(toV2(object)) },
    { name: 'MinPods', value: (object) => String(toV2(object).spec.minReplicas ?? '<unset>') },
    { name: 'MaxPods', value: (object) => toV2(object).spec.maxReplicas ?? 0 },
    { name: 'Replicas', value: (object) => toV2(object).status?.currentReplicas ?? 0 },
    ageColumn(),
  ];
}

export const autoscalerV2Resource = defineResource<AutoscalerV2>({
  id: { ...ID, version: 'v2' },
  names: NAMES,
  scope: 'namespaced',
  clearedOnCreate: ['status'],
  subresources: { status: { writes: ['status'], validateUpdate: validateAutoscalerStatus } },
  columns: columnsOf<AutoscalerV2>((object) => object),
  withDefaults: withAutoscalerDefaults,
  validate: validateAutoscaler,
  validateUpdate: validateAutoscalerUpdate,
  allowUnconditionalUpdate: true,
});

export const autoscalerV1Resource = defineResource<AutoscalerV1>({
  id: { ...ID, version: 'v1' },
  names: NAMES,
  scope: 'namespaced',
  storedAs: {
    version: 'v2',
    toStorage: (object) => autoscalerToV2(object) as never,
    fromStorage: (object) => autoscalerFromV2(object as unknown as AutoscalerV2),
  },
  clearedOnCreate: ['status'],
  subresources: { status: { writes: ['status'] } },
  columns: columnsOf(autoscalerToV2),
  withDefaults: (object) => ({ ...object, spec: { ...object.spec, minReplicas: object.spec?.minReplicas ?? 1 } }),
  validate: (object, errors) => validateAutoscaler(withAutoscalerDefaults(autoscalerToV2(object)), errors),
  validateUpdate(next, old, errors) {
    validateAutoscalerUpdate(withAutoscalerDefaults(autoscalerToV2(next)), autoscalerToV2(old), errors);
  },
  allowUnconditionalUpdate: true,
});
