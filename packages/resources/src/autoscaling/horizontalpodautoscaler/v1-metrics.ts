/** Metrics as autoscaling/v1 annotations hold them. Source: kubernetes pkg/apis/autoscaling/v1/conversion.go. */
import type { MetricSpec, MetricStatus, MetricTarget } from '@kapella/api/types/autoscaling-v2';

// biome-ignore lint/suspicious/noExplicitAny: read from an annotation
type Loose = Readonly<Record<string, any>>;

export function metricToV1(metric: MetricSpec): Loose {
  const { type, resource, containerResource, pods, object, external } = metric;
  return {
    type,
    ...(resource && { resource: { name: resource.name, ...targetsToV1(resource.target) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...targetsToV1(containerResource.target),
        container: containerResource.container,
      },
    }),
    ...(pods && {
      pods: {
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue ?? '0',
        selector: pods.metric.selector,
      },
    }),
    ...(object && {
      object: {
        target: object.describedObject,
        metricName: object.metric.name,
        targetValue: object.target.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.target.averageValue,
      },
    }),
    ...(external && {
      external: {
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      },
    }),
  };
}

function targetsToV1(target: MetricTarget): object {
  return { targetAverageUtilization: target.averageUtilization, targetAverageValue: target.averageValue };
}

export function metricFromV1(given: unknown): MetricSpec {
  const { type, resource, containerResource, pods, object, external } = given as Loose;
  return {
    type,
    ...(resource && { resource: { name: resource.name, target: resourceTarget(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        container: containerResource.container,
        target: resourceTarget(containerResource),
      },
    }),
    ...(pods && {
      pods: {
        metric: identifier(pods.metricName, pods.selector),
        target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
      },
    }),
    ...(object && {
      object: {
        describedObject: object.target,
        metric: identifier(object.metricName, object.selector),
        target:
          object.averageValue === undefined
            ? { type: 'Value', value: object.targetValue }
            : { type: 'AverageValue', averageValue: object.averageValue },
      },
    }),
    ...(external && {
      external: {
        metric: identifier(external.metricName, external.metricSelector),
        target:
          external.targetValue === undefined
            ? { type: 'AverageValue', averageValue: external.targetAverageValue }
            : { type: 'Value', value: external.targetValue },
      },
    }),
  };
}

function resourceTarget({ targetAverageUtilization: percent, targetAverageValue: value }: Loose): MetricTarget {
  return percent === undefined
    ? { type: 'AverageValue', averageValue: value }
    : { type: 'Utilization', averageUtilization: percent };
}

const identifier = (name: string, selector: object | undefined) => ({ name, ...(selector && { selector }) });

export function metricStatusToV1(status: MetricStatus): Loose {
  const { type, resource, containerResource, pods, object, external } = status;
  const currents = (current: { averageUtilization?: number; averageValue?: string }) => ({
    currentAverageUtilization: current.averageUtilization,
    currentAverageValue: current.averageValue ?? '0',
  });
  return {
    type,
    ...(resource && { resource: { name: resource.name, ...currents(resource.current) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...currents(containerResource.current),
        container: containerResource.container,
      },
    }),
    ...(pods && { pods: { metricName: pods.metric.name, currentAverageValue: pods.current.averageValue ?? '0' } }),
    ...(object && {
      object: {
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? '0',
        averageValue: object.current.averageValue,
      },
    }),
    ...(external && {
      external: {
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? '0',
        currentAverageValue: external.current.averageValue,
      },
    }),
  };
}

export function metricStatusFromV1(given: unknown): MetricStatus {
  const { type, resource, containerResource, pods, object, external } = given as Loose;
  const current = (from: Loose) => ({
    averageValue: from.currentAverageValue,
    ...(from.currentAverageUtilization !== undefined && { averageUtilization: from.currentAverageUtilization }),
  });
  return {
    type,
    ...(resource && { resource: { name: resource.name, current: current(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        container: containerResource.container,
        current: current(containerResource),
      },
    }),
    ...(pods && {
      pods: {
        metric: identifier(pods.metricName, pods.selector),
        current: { averageValue: pods.currentAverageValue },
      },
    }),
    ...(object && {
      object: {
        describedObject: object.target,
        metric: identifier(object.metricName, object.selector),
        current: { value: object.currentValue, averageValue: object.averageValue },
      },
    }),
    ...(external && {
      external: {
        metric: identifier(external.metricName, external.metricSelector),
        current: { value: external.currentValue, averageValue: external.currentAverageValue },
      },
    }),
  };
}
