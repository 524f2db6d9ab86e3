/** Rules for the metrics of autoscalers. Source: kubernetes pkg/apis/autoscaling/validation, validateMetricSpec. */
import { validatePathSegmentName } from '@kapella/api';
import type {
  CrossVersionObjectReference,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '@kapella/api/types/autoscaling-v2';
import type { FieldErrors } from '@kapella/base';
import { tryQuantity } from '../../support/resource-list.ts';
import { addInvalid, checkDnsLabel } from '../../support/validation/basic.ts';
import { checkContainerResourceName } from '../../support/validation/quantities.ts';

const METRIC_TYPES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const TARGET_TYPES = ['Utilization', 'Value', 'AverageValue'];

/** What the API version of a reference may be. */
export type VersionRule = 'named-group' | 'any-group' | 'anything';

export function apiVersionProblem(ref: CrossVersionObjectReference, rule: VersionRule): string | undefined {
  const version = ref.apiVersion ?? '';
  const parts = version.split('/');
  if (rule === 'anything') return undefined;
  if (parts.length > 2) return `unexpected GroupVersion string: ${version}`;
  const hasGroup = parts.length === 2 && parts[0] !== '';
  return rule === 'named-group' && !hasGroup ? 'apiVersion must specify API group' : undefined;
}

export function checkReference(
  ref: CrossVersionObjectReference,
  rule: VersionRule,
  errors: FieldErrors,
  field: string,
): void {
  for (const key of ['kind', 'name'] as const) {
    const value = ref[key];
    if (!value) errors.required(`${field}.${key}`);
    else addInvalid(errors, `${field}.${key}`, value, validatePathSegmentName(value));
  }
  const problem = apiVersionProblem(ref, rule);
  if (problem !== undefined) errors.invalid(`${field}.apiVersion`, ref.apiVersion ?? '', problem);
}

type Source = 'object' | 'external' | 'pods' | 'resource' | 'containerResource';
type Check = (metric: MetricSpec, rule: VersionRule, errors: FieldErrors, field: string) => void;

const SOURCES: Readonly<Record<Source, Check>> = {
  object: ({ object }, rule, errors, field) => {
    checkReference(object?.describedObject ?? { kind: '', name: '' }, rule, errors, `${field}.describedObject`);
    checkIdentifier(object?.metric, errors, `${field}.metric`);
    checkTarget(object?.target, errors, `${field}.target`);
    if (object?.target.value !== undefined || object?.target.averageValue !== undefined) return;
    errors.required(`${field}.target.averageValue`, 'must set either a target value or averageValue');
  },
  external: ({ external }, _rule, errors, field) => {
    checkIdentifier(external?.metric, errors, `${field}.metric`);
    checkTarget(external?.target, errors, `${field}.target`);
    const { value, averageValue } = external?.target ?? {};
    if (value === undefined && averageValue === undefined) {
      const why = 'must set either a target value for metric or a per-pod target';
      errors.required(`${field}.target.averageValue`, why);
    } else if (value !== undefined && averageValue !== undefined) {
      const why = 'may not set both a target value for metric and a per-pod target';
      errors.forbidden(`${field}.target.value`, why);
    }
  },
  pods: ({ pods }, _rule, errors, field) => {
    checkIdentifier(pods?.metric, errors, `${field}.metric`);
    checkTarget(pods?.target, errors, `${field}.target`);
    if (pods?.target.averageValue !== undefined) return;
    errors.required(`${field}.target.averageValue`, 'must specify a positive target averageValue');
  },
  resource: ({ resource }, _rule, errors, field) => {
    if (!resource?.name) errors.required(`${field}.name`, 'must specify a resource name');
    checkUtilizationTarget(resource?.target, errors, `${field}.target`);
  },
  containerResource: ({ containerResource }, _rule, errors, field) => {
    const { name, container, target } = containerResource ?? {};
    if (!name) errors.required(`${field}.name`, 'must specify a resource name');
    else checkContainerResourceName(name, errors, `${field}.name`);
    if (!container) errors.required(`${field}.container`, 'must specify a container');
    else checkDnsLabel(container, errors, `${field}.container`);
    checkUtilizationTarget(target, errors, `${field}.target`);
  },
};

export function checkMetric(metric: MetricSpec, rule: VersionRule, errors: FieldErrors, field: string): void {
  const { type = '' } = metric;
  if (type === '') errors.required(`${field}.type`, 'must specify a metric source type');
  if (!METRIC_TYPES.includes(type)) errors.notSupported(`${field}.type`, type, METRIC_TYPES);
  const sources = Object.keys(SOURCES) as Source[];
  const present = sources.filter((name) => metric[name] !== undefined);
  const [first] = present;
  if (first !== undefined) SOURCES[first](metric, rule, errors, `${field}.${first}`);
  const expected = sources.find((name) => `${name.charAt(0).toUpperCase()}${name.slice(1)}` === type);
  if (expected !== undefined && !present.includes(expected)) {
    errors.required(`${field}.${expected}`, 'must populate information for the given metric source');
  }
  if (present.length === 1) return;
  for (const name of present.filter((other) => other !== expected)) {
    errors.forbidden(`${field}.${name}`, 'must populate the given metric source only');
  }
}

function checkIdentifier(metric: MetricIdentifier | undefined, errors: FieldErrors, field: string): void {
  if (!metric?.name) errors.required(`${field}.name`, 'must specify a metric name');
  else addInvalid(errors, `${field}.name`, metric.name, validatePathSegmentName(metric.name));
}

function checkUtilizationTarget(target: MetricTarget | undefined, errors: FieldErrors, field: string): void {
  checkTarget(target, errors, field);
  const { averageUtilization, averageValue } = target ?? {};
  if (averageUtilization === undefined && averageValue === undefined) {
    errors.required(`${field}.averageUtilization`, 'must set either a target raw value or a target utilization');
  } else if (averageUtilization !== undefined && averageValue !== undefined) {
    errors.forbidden(`${field}.averageValue`, 'may not set both a target raw value and a target utilization');
  }
}

function checkTarget(target: MetricTarget | undefined, errors: FieldErrors, field: string): void {
  const { type = '', averageUtilization: percent } = target ?? {};
  if (type === '') errors.required(`${field}.type`, 'must specify a metric target type');
  if (!TARGET_TYPES.includes(type)) {
    errors.invalid(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue');
  }
  for (const name of ['value', 'averageValue'] as const) {
    const amount = target?.[name];
    if (amount === undefined || (tryQuantity(amount)?.sign ?? 0) > 0) continue;
    errors.invalid(`${field}.${name}`, amount, 'must be positive');
  }
  if (percent !== undefined && percent < 1) {
    errors.invalid(`${field}.averageUtilization`, percent, 'must be greater than 0');
  }
}
