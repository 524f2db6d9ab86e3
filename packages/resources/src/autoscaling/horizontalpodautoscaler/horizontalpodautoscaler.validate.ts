/** Rules for autoscalers. Source: kubernetes pkg/apis/autoscaling/validation. */
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  HPAScalingRules,
} from '@kapella/api/types/autoscaling-v2';
import type { FieldErrors } from '@kapella/base';
import { checkNotNegative } from '../../support/validation/basic.ts';
import { checkNotNegativeQuantity } from '../../support/validation/quantities.ts';
import { apiVersionProblem, checkMetric, checkReference } from './metrics.validate.ts';

const PERIOD_SECONDS_MAX = 1800;
const WINDOW_SECONDS_MAX = 3600;
const SELECT_POLICIES = ['Disabled', 'Max', 'Min'];
const POLICY_TYPES = ['Percent', 'Pods'];
const SCALABLE_METRICS = ['Object', 'External'];

export function validateAutoscaler(autoscaler: HorizontalPodAutoscaler, errors: FieldErrors): void {
  checkSpec(autoscaler, undefined, errors);
}

export function validateAutoscalerUpdate(
  next: HorizontalPodAutoscaler,
  old: HorizontalPodAutoscaler,
  errors: FieldErrors,
): void {
  checkSpec(next, old, errors);
}

export function validateAutoscalerStatus(
  { status }: HorizontalPodAutoscaler,
  _old: HorizontalPodAutoscaler,
  errors: FieldErrors,
): void {
  checkNotNegative(status?.currentReplicas, errors, 'status.currentReplicas');
  checkNotNegative(status?.desiredReplicas, errors, 'status.desiredReplicas');
}

function checkSpec(
  { spec }: HorizontalPodAutoscaler,
  old: HorizontalPodAutoscaler | undefined,
  errors: FieldErrors,
): void {
  checkReplicas(spec, old?.spec.minReplicas === 0 ? 0 : 1, errors);
  const target = spec.scaleTargetRef ?? { kind: '', name: '' };
  const { kind, apiVersion } = target;
  const before = old?.spec.scaleTargetRef;
  // What is stored already may keep a version that is wrong; only ReplicationControllers are of no group.
  const isSame = before !== undefined && before.kind === kind && before.apiVersion === apiVersion;
  const rule = kind === 'ReplicationController' ? 'any-group' : 'named-group';
  checkReference(target, isSame ? 'anything' : rule, errors, 'spec.scaleTargetRef');
  const wasWrong = (old?.spec.metrics ?? []).some(isWrongObjectMetric);
  for (const [i, metric] of (spec.metrics ?? []).entries()) {
    checkMetric(metric, wasWrong ? 'anything' : 'any-group', errors, `spec.metrics[${i}]`);
  }
  if (spec.minReplicas === 0 && !spec.metrics?.some(({ type }) => SCALABLE_METRICS.includes(type))) {
    const why = 'must specify at least one Object or External metric to support scaling to zero replicas';
    errors.forbidden('spec.metrics', why);
  }
  checkRules(spec.behavior?.scaleUp, errors, 'spec.behavior.scaleUp');
  checkRules(spec.behavior?.scaleDown, errors, 'spec.behavior.scaleDown');
}

function isWrongObjectMetric({ object }: { object?: { describedObject: CrossVersionObjectReference } }): boolean {
  return object !== undefined && apiVersionProblem(object.describedObject, 'any-group') !== undefined;
}

function checkReplicas(
  { minReplicas, maxReplicas }: HorizontalPodAutoscaler['spec'],
  lowest: number,
  errors: FieldErrors,
): void {
  const atLeast = (bound: number) => `must be greater than or equal to ${bound}`;
  if (minReplicas !== undefined && minReplicas < lowest) {
    errors.invalid('spec.minReplicas', minReplicas, atLeast(lowest));
  }
  if (!maxReplicas) errors.required('spec.maxReplicas', 'must be set and greater than 0');
  else if (maxReplicas < 0) errors.invalid('spec.maxReplicas', maxReplicas, atLeast(1));
  if (minReplicas !== undefined && (maxReplicas ?? 0) < minReplicas) {
    errors.invalid('spec.maxReplicas', maxReplicas ?? 0, 'must be greater than or equal to `minReplicas`');
  }
}

function checkRules(rules: HPAScalingRules | undefined, errors: FieldErrors, field: string): void {
  if (rules === undefined) return;
  const { stabilizationWindowSeconds: window = 0, selectPolicy, policies = [], tolerance } = rules;
  const windowField = `${field}.stabilizationWindowSeconds`;
  if (window < 0) errors.invalid(windowField, window, 'must be greater than or equal to zero');
  if (window > WINDOW_SECONDS_MAX) {
    errors.invalid(windowField, window, `must be less than or equal to ${WINDOW_SECONDS_MAX}`);
  }
  if (selectPolicy !== undefined && !SELECT_POLICIES.includes(selectPolicy)) {
    errors.notSupported(`${field}.selectPolicy`, selectPolicy, SELECT_POLICIES);
  }
  if (policies.length === 0) errors.required(`${field}.policies`, 'must specify at least one Policy');
  for (const [i, policy] of policies.entries()) checkPolicy(policy, errors, `${field}.policies[${i}]`);
  if (tolerance !== undefined) checkNotNegativeQuantity(tolerance, errors, `${field}.tolerance`);
}

function checkPolicy({ type, value, periodSeconds }: HPAScalingPolicy, errors: FieldErrors, field: string): void {
  if (!POLICY_TYPES.includes(type)) errors.notSupported(`${field}.type`, type ?? '', POLICY_TYPES);
  if (!(value > 0)) errors.invalid(`${field}.value`, value ?? 0, 'must be greater than zero');
  if (!(periodSeconds > 0)) errors.invalid(`${field}.periodSeconds`, periodSeconds ?? 0, 'must be greater than zero');
  if (periodSeconds > PERIOD_SECONDS_MAX) {
    errors.invalid(`${field}.periodSeconds`, periodSeconds, `must be less than or equal to ${PERIOD_SECONDS_MAX}`);
  }
}
