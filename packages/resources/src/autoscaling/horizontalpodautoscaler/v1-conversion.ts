/** autoscaling/v1 from and to v2: what v1 cannot say travels in annotations. Source: pkg/apis/autoscaling/v1/conversion.go. */
import type { HorizontalPodAutoscaler as V1 } from '@kapella/api/types/autoscaling-v1';
import type { HorizontalPodAutoscaler as V2, MetricSpec, MetricStatus } from '@kapella/api/types/autoscaling-v2';
import { metricFromV1, metricStatusFromV1, metricStatusToV1, metricToV1 } from './v1-metrics.ts';

const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const METRICS = `${PREFIX}metrics`;
const CURRENT = `${PREFIX}current-metrics`;
const CONDITIONS = `${PREFIX}conditions`;
const BEHAVIOR = `${PREFIX}behavior`;

export function autoscalerToV2(object: V1): V2 {
  const { targetCPUUtilizationPercentage: percent, ...spec } = object.spec ?? {};
  const { currentCPUUtilizationPercentage: current, ...status } = object.status ?? ({} as NonNullable<V1['status']>);
  const { annotations = {} } = object.metadata;
  const others = (read<unknown[]>(annotations[METRICS]) ?? []).map(metricFromV1);
  const metrics = percent === undefined ? others : [cpuMetric(percent), ...others];
  const currentMetrics = (read<unknown[]>(annotations[CURRENT]) ?? []).map(metricStatusFromV1);
  const conditions = read<NonNullable<V2['status']>['conditions']>(annotations[CONDITIONS]);
  const behavior = read<V2['spec']['behavior']>(annotations[BEHAVIOR]);
  const cpuNow = current === undefined || currentMetrics.some(isCpuStatus) ? [] : [cpuStatus(current)];
  const now = [...cpuNow, ...currentMetrics];
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: { ...object.metadata, annotations: withoutOurs(annotations) },
    spec: { ...spec, ...(metrics.length > 0 && { metrics }), ...(behavior && { behavior }) } as V2['spec'],
    ...(object.status && {
      status: { ...status, ...(now.length > 0 && { currentMetrics: now }), ...(conditions && { conditions }) },
    }),
  };
}

export function autoscalerFromV2(object: V2): V1 {
  const { metrics = [], behavior, ...spec } = object.spec;
  const { currentMetrics = [], conditions, ...status } = object.status ?? ({} as NonNullable<V2['status']>);
  const cpu = metrics.findIndex(isCpu);
  const others = metrics.filter((_, i) => i !== cpu);
  const percent = metrics[cpu]?.resource?.target.averageUtilization;
  const current = currentMetrics.find(isCpuStatus)?.resource?.current.averageUtilization;
  const added = {
    ...(others.length > 0 && { [METRICS]: JSON.stringify(others.map(metricToV1)) }),
    ...(currentMetrics.length > 0 && { [CURRENT]: JSON.stringify(currentMetrics.map(metricStatusToV1)) }),
    ...(conditions && conditions.length > 0 && { [CONDITIONS]: JSON.stringify(conditions) }),
    ...(behavior && { [BEHAVIOR]: JSON.stringify(behavior) }),
  };
  const annotations = { ...withoutOurs(object.metadata.annotations ?? {}), ...added };
  const { annotations: _replaced, ...metadata } = object.metadata;
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: { ...spec, ...(percent !== undefined && { targetCPUUtilizationPercentage: percent }) },
    status: (object.status && {
      currentReplicas: 0, // Go writes it in v1, and not in v2
      ...status,
      ...(current !== undefined && { currentCPUUtilizationPercentage: current }),
    }) as V1['status'],
  };
}

function read<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined; // as upstream: an annotation that does not parse is as if absent
  }
}

function withoutOurs(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const ours = [METRICS, CURRENT, CONDITIONS, BEHAVIOR];
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !ours.includes(key)));
}

const cpuMetric = (percent: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
});
const cpuStatus = (percent: number): MetricStatus => ({
  type: 'Resource',
  resource: { name: 'cpu', current: { averageUtilization: percent } },
});
const isCpu = (metric: MetricSpec) =>
  metric.type === 'Resource' &&
  metric.resource?.name === 'cpu' &&
  metric.resource.target.averageUtilization !== undefined;
const isCpuStatus = (metric: MetricStatus) =>
  metric.type === 'Resource' &&
  metric.resource?.name === 'cpu' &&
  metric.resource.current.averageUtilization !== undefined;
