/** What one metric of an autoscaler asks for. Source: kubernetes pkg/controller/podautoscaler/horizontal.go, computeReplicasForMetric. */
import { Quantity, quantityMilli } from '@kapella/api';
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
} from '@kapella/api/types/autoscaling-v2';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { ControllerDeps } from '@kapella/controller';
import type { Tuning } from '../tuning.ts';
import { findKind } from '../workload/index.ts';
import * as metrics from './metrics.ts';
import {
  type Calculation,
  fromAverage,
  fromTotal,
  fromTotalPerPod,
  fromUtilization,
  type PodMetrics,
  type Tolerances,
} from './replicas.ts';

export interface Target {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly selector: string;
  readonly pods: readonly Pod[];
  readonly specReplicas: number;
  readonly statusReplicas: number;
  readonly tolerances: Tolerances;
  readonly tuning: Tuning;
}

export interface Proposal {
  readonly replicas: number;
  readonly metric: string;
  readonly status: MetricStatus;
}

/** A metric that could not be read; `reason` names the kind of metric. */
export class MetricError extends Error {
  override readonly name = 'MetricError';
  readonly reason: string;
  /** As the list of metrics tells it. */
  readonly outer: string;

  constructor(reason: string, message: string, outer: string) {
    super(message);
    this.reason = reason;
    this.outer = outer;
  }
}

export async function evaluate(deps: ControllerDeps, target: Target, spec: MetricSpec, ctx: Ctx): Promise<Proposal> {
  const fail = (reason: string, what: string) => (error: unknown) => {
    const message = describeError(error);
    throw new MetricError(reason, message, `failed to get ${what}: ${message}`);
  };
  const { type, resource, containerResource, pods, object, external } = spec;
  if (type === 'Resource' && resource !== undefined) {
    const done = ofResource(deps, target, resource.name, '', resource.target, ctx);
    const { current, metric, replicas } = await done.catch(
      fail('FailedGetResourceMetric', `${resource.name} resource metric value`),
    );
    return { replicas, metric, status: { type, resource: { name: resource.name, current } } };
  }
  if (type === 'ContainerResource' && containerResource !== undefined) {
    const { name, container, target: goal } = containerResource;
    const done = ofResource(deps, target, name, container, goal, ctx);
    const { current, metric, replicas } = await done.catch(
      fail('FailedGetContainerResourceMetric', `${container} container metric value`),
    );
    return { replicas, metric, status: { type, containerResource: { name, container, current } } };
  }
  if (type === 'Pods' && pods !== undefined)
    return ofPods(deps, target, pods, ctx).catch(fail('FailedGetPodsMetric', 'pods metric value'));
  if (type === 'Object' && object !== undefined)
    return ofObject(deps, target, object, ctx).catch(fail('FailedGetObjectMetric', 'object metric value'));
  if (type === 'External' && external !== undefined) {
    return ofExternal(deps, target, external, ctx).catch(
      fail('FailedGetExternalMetric', `${external.metric.name} external metric value`),
    );
  }
  const message = `unknown metric source type ${JSON.stringify(type)}`;
  throw new MetricError('InvalidMetricSourceType', message, message);
}

/** Puts words before what a step throws. */
async function saying<T>(words: string, task: () => T | Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw new Error(`${words}: ${describeError(error)}`);
  }
}

async function ofResource(
  { client }: ControllerDeps,
  target: Target,
  name: string,
  container: string,
  goal: MetricTarget,
  ctx: Ctx,
) {
  const namespace = target.autoscaler.metadata.namespace ?? '';
  const read = () =>
    saying(`unable to get metrics for resource ${name}`, () =>
      metrics.resourceMetrics(client, namespace, target.selector, name, container, ctx),
    );
  const quantity = (milli: number) => Quantity.ofMilli(milli, name === 'memory' ? 'BinarySI' : 'DecimalSI').toString();
  const { averageValue, averageUtilization } = goal;
  if (averageValue !== undefined) {
    const result = await saying(`failed to get ${name} usage`, async () =>
      fromAverage(inputOf(target, await read(), ctx), quantityMilli(averageValue), name),
    );
    return {
      replicas: result.replicas,
      metric: `${name} resource`,
      current: { averageValue: quantity(result.averageMilli) },
    };
  }
  if (averageUtilization === undefined) {
    throw new Error(
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    );
  }
  const result: Calculation = await saying(`failed to get ${name} utilization`, async () =>
    fromUtilization(inputOf(target, await read(), ctx), averageUtilization, name, container),
  );
  const metric = `${name} ${container === '' ? '' : 'container '}resource utilization (percentage of request)`;
  const current = { averageUtilization: result.utilization ?? 0, averageValue: quantity(result.averageMilli) };
  return { replicas: result.replicas, metric, current };
}

function inputOf({ pods, specReplicas, tolerances, tuning }: Target, read: PodMetrics, ctx: Ctx) {
  return { pods, metrics: read, current: specReplicas, tolerances, tuning, nowMs: ctx.clock.nowMs() };
}

async function ofPods(
  { client }: ControllerDeps,
  target: Target,
  spec: NonNullable<MetricSpec['pods']>,
  ctx: Ctx,
): Promise<Proposal> {
  const { metric } = spec;
  const namespace = target.autoscaler.metadata.namespace ?? '';
  const read = await saying(`unable to get metric ${metric.name}`, () =>
    metrics.podsMetrics(client, namespace, target.selector, metric, ctx),
  );
  const { replicas, averageMilli } = fromAverage(
    inputOf(target, read, ctx),
    quantityMilli(spec.target.averageValue ?? '0'),
    '',
  );
  const current = { averageValue: Quantity.ofMilli(averageMilli).toString() };
  return { replicas, metric: `pods metric ${metric.name}`, status: { type: 'Pods', pods: { metric, current } } };
}

async function ofObject(
  { client, cache }: ControllerDeps,
  target: Target,
  spec: NonNullable<MetricSpec['object']>,
  ctx: Ctx,
): Promise<Proposal> {
  const { metric, describedObject: about } = spec;
  const namespace = target.autoscaler.metadata.namespace ?? '';
  const [group = ''] = about.apiVersion?.includes('/') === true ? about.apiVersion.split('/') : [''];
  const plural = findKind(cache, { group, kind: about.kind })?.plural ?? `${about.kind.toLowerCase()}s`;
  const failed = (error: unknown): never => {
    throw new Error(
      `unable to get metric ${metric.name}: ${describeError(error)} on ${about.kind} ${namespace}/${about.name}`,
    );
  };
  const usage = await metrics.objectMetric(client, namespace, about, plural, metric, ctx).catch(failed);
  const { replicas, current } = ofTotal(target, spec.target, usage, ctx, 'object');
  return {
    replicas,
    metric: `${about.kind} metric ${metric.name}`,
    status: { type: 'Object', object: { metric, describedObject: about, current } },
  };
}

async function ofExternal(
  { client }: ControllerDeps,
  target: Target,
  spec: NonNullable<MetricSpec['external']>,
  ctx: Ctx,
): Promise<Proposal> {
  const { metric } = spec;
  const namespace = target.autoscaler.metadata.namespace ?? '';
  const words = `unable to get external metric ${namespace}/${metric.name}`;
  const usage = await saying(words, () => metrics.externalMetric(client, namespace, metric, ctx));
  const { replicas, current } = ofTotal(target, spec.target, usage, ctx, 'external');
  return {
    replicas,
    metric: `external metric ${metric.name}`,
    status: { type: 'External', external: { metric, current } },
  };
}

function ofTotal(target: Target, { value, averageValue }: MetricTarget, usageMilli: number, ctx: Ctx, which: string) {
  const { pods, specReplicas: current, statusReplicas, tolerances, tuning } = target;
  if (averageValue !== undefined) {
    const replicas = fromTotalPerPod(tolerances, statusReplicas, usageMilli, quantityMilli(averageValue));
    const average = statusReplicas === 0 ? 0 : Math.ceil(usageMilli / statusReplicas);
    return { replicas, current: { averageValue: Quantity.ofMilli(average).toString() } };
  }
  if (value === undefined)
    throw new Error(`invalid ${which} metric source: neither a value target nor an average value target was set`);
  const replicas = fromTotal(
    { pods, current, tolerances, tuning, nowMs: ctx.clock.nowMs() },
    usageMilli,
    quantityMilli(value),
  );
  return { replicas, current: { value: Quantity.ofMilli(usageMilli).toString() } };
}
