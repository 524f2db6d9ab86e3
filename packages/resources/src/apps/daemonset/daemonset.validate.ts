/** Rules for DaemonSets. Source: kubernetes pkg/apis/apps/validation, ValidateDaemonSet. */
import { validateLabelSelector } from '@kapella/api';
import type { DaemonSet, DaemonSetUpdateStrategy } from '@kapella/api/types/apps-v1';
import type { FieldErrors } from '@kapella/base';
import { isEmptySelector, selects } from '../../support/selector.ts';
import { checkNotNegative } from '../../support/validation/basic.ts';
import { validatePodTemplateSpec } from '../../support/validation/pod-template.ts';
import {
  checkAtMost100Percent,
  checkIntOrPercent,
  checkRunsForEver,
  intOrPercent,
  isUsableSelector,
} from '../../support/validation/workload.ts';

export function validateDaemonSet({ spec }: DaemonSet, errors: FieldErrors): void {
  const { selector, template } = spec;
  if (selector !== undefined) validateLabelSelector(selector, errors, 'spec.selector');
  const labels = template.metadata?.labels;
  if (isUsableSelector(selector) && !selects(selector, labels)) {
    const why = '`selector` does not match template `labels`';
    errors.invalid('spec.template.metadata.labels', labels ?? null, why);
  }
  if (selector !== undefined && isEmptySelector(selector)) {
    errors.invalid('spec.selector', selector, 'empty selector is invalid for daemonset');
  }
  validatePodTemplateSpec(template, errors, 'spec.template');
  checkRunsForEver(template, 'DaemonSet', errors, 'spec.template');
  checkNotNegative(spec.minReadySeconds, errors, 'spec.minReadySeconds');
  checkStrategy(spec.updateStrategy ?? {}, errors);
  checkNotNegative(spec.revisionHistoryLimit, errors, 'spec.revisionHistoryLimit');
}

export function validateDaemonSetUpdate(next: DaemonSet, old: DaemonSet, errors: FieldErrors): void {
  errors.immutable('spec.selector', next.spec.selector, old.spec.selector);
  validateDaemonSet(next, errors);
}

const COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const;

export function validateDaemonSetStatus({ status }: DaemonSet, _old: DaemonSet, errors: FieldErrors): void {
  for (const name of COUNTS) checkNotNegative(status?.[name], errors, `status.${name}`);
}

function checkStrategy(strategy: DaemonSetUpdateStrategy, errors: FieldErrors): void {
  const field = 'spec.updateStrategy';
  if (strategy.type === 'OnDelete') return;
  if (strategy.type !== 'RollingUpdate') {
    errors.notSupported(field, strategy, ['RollingUpdate', 'OnDelete']);
    return;
  }
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate ?? {};
  for (const [name, value] of Object.entries({ maxUnavailable, maxSurge })) {
    checkIntOrPercent(value, errors, `${field}.rollingUpdate.${name}`);
  }
  for (const [name, value] of Object.entries({ maxUnavailable, maxSurge })) {
    checkAtMost100Percent(value, errors, `${field}.rollingUpdate.${name}`);
  }
  const unavailable = intOrPercent(maxUnavailable) !== 0;
  const surge = intOrPercent(maxSurge) !== 0;
  if (unavailable && surge) {
    errors.invalid(`${field}.rollingUpdate.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero');
  } else if (!unavailable && !surge) {
    errors.required(`${field}.rollingUpdate.maxUnavailable`, 'cannot be 0 when maxSurge is 0');
  }
}
