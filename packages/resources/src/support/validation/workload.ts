/** Rules that workload kinds share. Source: kubernetes pkg/apis/apps/validation/validation.go. */
import { validateLabelSelector, validatePercent } from '@kapella/api';
import type { PodTemplateSpec } from '@kapella/api/types/core-v1';
import type { LabelSelector } from '@kapella/api/types/meta-v1';
import { FieldErrors } from '@kapella/base';
import { isEmptySelector, selects } from '../selector.ts';
import { checkNotNegative } from './basic.ts';
import { type PodRules, validatePodTemplateSpec } from './pod-template.ts';

/** `kind` in lower case, as the message names it. */
export function checkSelector(
  selector: LabelSelector | undefined,
  kind: string,
  errors: FieldErrors,
  field: string,
): void {
  if (selector === undefined) {
    errors.required(field);
    return;
  }
  validateLabelSelector(selector, errors, field);
  if (isEmptySelector(selector)) errors.invalid(field, selector, `empty selector is invalid for ${kind}`);
}

/** Whether requests can be matched with it at all: upstream then leaves the template alone. */
export function isUsableSelector(selector: LabelSelector | undefined): boolean {
  const found = new FieldErrors();
  validateLabelSelector(selector, found, '');
  return !found.any;
}

export interface TemplateRules {
  /** As the messages name the kind: `ReplicaSet`. */
  readonly kind: string;
  readonly field?: string;
  readonly podRules?: PodRules;
  /** What is said of a selector that cannot be used. */
  readonly selectorFault?: string;
}

/** The selector matches the template, which runs for ever. */
export function checkTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
  { kind, field = 'spec.template', podRules, selectorFault = 'invalid label selector' }: TemplateRules,
  errors: FieldErrors,
): void {
  if (!isUsableSelector(selector)) {
    errors.invalid('spec.selector', selector, selectorFault);
    if (kind === 'StatefulSet') checkRunsForEver(template, kind, errors, field);
    return;
  }
  const labels = template?.metadata?.labels;
  // Without a selector nothing matches, whatever the labels.
  if ((selector === undefined || !isEmptySelector(selector)) && !selects(selector, labels)) {
    errors.invalid(`${field}.metadata.labels`, labels ?? null, '`selector` does not match template `labels`');
  }
  validatePodTemplateSpec(template, errors, field, podRules);
  checkRunsForEver(template, kind, errors, field);
}

export function checkRunsForEver(
  template: PodTemplateSpec | undefined,
  kind: string,
  errors: FieldErrors,
  field: string,
): void {
  const spec = template?.spec;
  if (spec?.restartPolicy !== 'Always') {
    errors.notSupported(`${field}.spec.restartPolicy`, spec?.restartPolicy ?? '', ['Always']);
  }
  if (spec?.activeDeadlineSeconds !== undefined) {
    errors.forbidden(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`);
  }
}

/** A number that is not negative, or a percentage. */
export function checkIntOrPercent(value: number | string | undefined, errors: FieldErrors, field: string): void {
  if (typeof value === 'number') checkNotNegative(value, errors, field);
  else for (const message of validatePercent(value ?? '')) errors.invalid(field, value ?? '', message);
}

export function checkAtMost100Percent(value: number | string | undefined, errors: FieldErrors, field: string): void {
  if (typeof value === 'string' && validatePercent(value).length === 0 && intOrPercent(value) > 100) {
    errors.invalid(field, value, 'must not be greater than 100%');
  }
}

/** The number in front of the percent sign, or the number itself. */
export function intOrPercent(value: number | string | undefined): number {
  if (typeof value === 'number') return value;
  const number = Number.parseInt(value ?? '', 10);
  return Number.isNaN(number) ? 0 : number;
}

/** Replica counts of a status: none negative, none above all replicas. */
export function checkReplicaStatus(
  status: object | undefined,
  counts: readonly string[],
  errors: FieldErrors,
  readyName = 'readyReplicas',
): void {
  const value = (name: string) => Number((status as Record<string, unknown> | undefined)?.[name] ?? 0);
  for (const name of ['replicas', ...counts, 'observedGeneration', 'terminatingReplicas', 'collisionCount']) {
    checkNotNegative(value(name), errors, `status.${name}`);
  }
  for (const name of counts) {
    if (value(name) > value('replicas')) {
      errors.invalid(`status.${name}`, value(name), 'cannot be greater than status.replicas');
    }
  }
  if (value('availableReplicas') > value('readyReplicas')) {
    errors.invalid('status.availableReplicas', value('availableReplicas'), `cannot be greater than ${readyName}`);
  }
}
