/** Rules for autoscalers. Source: kubernetes pkg/apis/autoscaling/validation. */
import { validateLabelSelector, validatePathSegmentName } from '@kapella/api';
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '@kapella/api/types/autoscaling-v2';
import type { FieldErrors } from '@kapella/base';
import { tryQuantity } from '../../support/resource-list.ts';
import { addInvalid } from '../../support/validation/basic.ts';
import { checkNotNegativeQuantity } from '../../support/validation/quantities.ts';

const PERIOD_SECONDS_MAX = 1800;
const WINDOW_SECONDS_MAX = 3600;
const SELECT_POLICIES = ['Disabled', 'Max', 'Min'];
const POLICY_TYPES = ['Percent', 'Pods'];
const METRIC_TYPES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const TARGET_TYPES = ['Utilization', 'Value', 'AverageValue'];
const SOURCES = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler, errors: FieldErrors): void {
  const { minReplicas, maxReplicas, metrics = [] } = spec;
  if (minReplicas !== undefined && minReplicas < 1) {
    errors.invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1');
  }
  if (!maxReplicas) errors.required('spec.maxReplicas', 'must be set and greater than 0');
  else if (maxReplicas < 0) errors.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1');
  if (minReplicas !== undefined && (maxReplicas ?? 0) < minReplicas) {
    errors.invalid('spec.maxReplicas', maxReplicas ?? 0, 'must be greater than or equal to `minReplicas`');
  }
  checkReference(spec.scaleTargetRef, errors, 'spec.scaleTargetRef');
  for (const [i, metric] of metrics.entries()) checkMetric(metric, errors, `spec.metrics[${i}]`);
  checkRules(spec.behavior?.scaleUp, errors, 'spec.behavior.scaleUp');
  checkRules(spec.behavior?.scaleDown, errors, 'spec.behavior.scaleDown');
}

export function validateAutoscalerUpdate(
  next: HorizontalPodAutoscaler,
  _old: HorizontalPodAutoscaler,
  errors: FieldErrors,
): void {
  validateAutoscaler(next, errors);
}

function checkReference(ref: CrossVersionObjectReference | undefined, errors: FieldErrors, field: string): void {
  for (const key of ['kind', 'name'] as const) {
    const value = ref?.[key];
    if (!value) errors.required(`${field}.${key}`);
    else addInvalid(errors, `${field}.${key}`, value, validatePathSegmentName(value));
  }
  const version = ref?.apiVersion ?? '';
  if (version.split('/').length > 2) {
    errors.invalid(`${field}.apiVersion`, version, `unexpected GroupVersion string: ${version}`);
  }
}

function checkRules(rules: HPAScalingRules | undefined, errors: FieldErrors, field: string): void {
  if (rules === undefined) return;
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  const windowField = `${field}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0) errors.invalid(windowField, window, 'must be greater than or equal to zero');
  if (window !== undefined && window > WINDOW_SECONDS_MAX) {
    errors.invalid(windowField, window, `must be less than or equal to ${WINDOW_SECONDS_MAX}`);
  }
  if (selectPolicy !== undefined && !SELECT_POLICIES.includes(selectPolicy)) {
    errors.notSupported(`${field}.selectPolicy`, selectPolicy, SELECT_POLICIES);
  }
  if (policies.length === 0) errors.required(`${field}.policies`, 'must specify at least one Policy');
  for (const [i, { type, value, periodSeconds }] of policies.entries()) {
    const at = `${field}.policies[${i}]`;
    if (!POLICY_TYPES.includes(type)) errors.notSupported(`${at}.type`, type ?? '', POLICY_TYPES);
    if (!(value > 0)) errors.invalid(`${at}.value`, value ?? 0, 'must be greater than zero');
    if (!(periodSeconds > 0)) errors.invalid(`${at}.periodSeconds`, periodSeconds ?? 0, 'must be greater than zero');
    if (periodSeconds > PERIOD_SECONDS_MAX) {
      errors.invalid(`${at}.periodSeconds`, periodSeconds, `must be less than or equal to ${PERIOD_SECONDS_MAX}`);
    }
  }
  if (tolerance !== undefined) checkNotNegativeQuantity(tolerance, errors, `${field}.tolerance`);
}

function checkMetric(metric: MetricSpec, errors: FieldErrors, field: string): void {
  const { type = '' } = metric;
  if (type === '') errors.required(`${field}.type`, 'must specify a metric source type');
  if (!METRIC_TYPES.includes(type)) errors.notSupported(`${field}.type`, type, METRIC_TYPES);
  const present = SOURCES.filter((name) => metric[name] !== undefined);
  const expected = SOURCES.find((name) => name.toLowerCase() === type.toLowerCase());
  const [first] = present;
  if (first !== undefined) checkSource(metric, first, errors, `${field}.${first}`);
  if (expected !== undefined && !present.includes(expected)) {
    errors.required(`${field}.${expected}`, 'must populate information for the given metric source');
  }
  for (const name of present) {
    if (name === expected || present.length === 1) continue;
    errors.forbidden(`${field}.${name}`, 'must populate the given metric source only');
  }
}

function checkSource(metric: MetricSpec, kind: (typeof SOURCES)[number], errors: FieldErrors, field: string): void {
  const { object, external, pods, resource, containerResource } = metric;
  switch (kind) {
    case 'object':
      checkReference(object?.describedObject, errors, `${field}.describedObject`);
      checkIdentifier(object?.metric, errors, `${field}.metric`);
      checkTarget(object?.target, ['value', 'averageValue'], errors, field);
      break;
    case 'external':
      checkIdentifier(external?.metric, errors, `${field}.metric`);
      checkTarget(external?.target, ['value', 'averageValue'], errors, field);
      break;
    case 'pods':
      checkIdentifier(pods?.metric, errors, `${field}.metric`);
      checkTarget(pods?.target, ['averageValue'], errors, field);
      break;
    case 'resource':
      if (!resource?.name) errors.required(`${field}.name`, 'must specify a resource name');
      checkTarget(resource?.target, ['averageUtilization', 'averageValue'], errors, field);
      break;
    case 'containerResource':
      if (!containerResource?.name) errors.required(`${field}.name`, 'must specify a resource name');
      if (!containerResource?.container) errors.required(`${field}.container`, 'must specify a container');
      checkTarget(containerResource?.target, ['averageUtilization', 'averageValue'], errors, field);
      break;
  }
}

function checkIdentifier(metric: MetricIdentifier | undefined, errors: FieldErrors, field: string): void {
  if (!metric?.name) errors.required(`${field}.name`, 'must specify a metric name');
  else addInvalid(errors, `${field}.name`, metric.name, validatePathSegmentName(metric.name));
  if (metric?.selector !== undefined) validateLabelSelector(metric.selector, errors, `${field}.selector`);
}

function checkTarget(
  target: MetricTarget | undefined,
  allowed: readonly ('value' | 'averageValue' | 'averageUtilization')[],
  errors: FieldErrors,
  source: string,
): void {
  const field = `${source}.target`;
  const { type = '', averageUtilization: percent } = target ?? {};
  if (type === '') errors.required(`${field}.type`, 'must specify a metric target type');
  if (!TARGET_TYPES.includes(type)) {
    errors.invalid(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue');
  }
  for (const name of ['value', 'averageValue'] as const) {
    const quantity = tryQuantity(target?.[name]);
    if (target?.[name] !== undefined && (quantity === undefined || quantity.sign <= 0)) {
      errors.invalid(`${field}.${name}`, target[name], 'must be positive');
    }
  }
  if (percent !== undefined && percent < 1) {
    errors.invalid(`${field}.averageUtilization`, percent, 'must be greater than 0');
  }
  const set = allowed.filter((name) => target?.[name] !== undefined);
  const [first = 'averageValue', second] = allowed;
  if (set.length === 0) {
    const why = second === undefined ? 'must specify a positive target averageValue' : needed(allowed);
    errors.required(`${field}.${first}`, why);
  } else if (set.length > 1) {
    const why =
      first === 'averageUtilization'
        ? 'may not set both a target raw value and a target utilization'
        : 'may not set both a target value for metric and a per-pod target';
    errors.forbidden(`${field}.averageValue`, why);
  }
}

function needed(allowed: readonly string[]): string {
  return allowed[0] === 'averageUtilization'
    ? 'must set either a target raw value or a target utilization'
    : 'must set either a target value for metric or a per-pod target';
}
