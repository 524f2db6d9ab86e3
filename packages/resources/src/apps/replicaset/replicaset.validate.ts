/** Rules for ReplicaSets. Source: kubernetes pkg/apis/apps/validation, ValidateReplicaSet. */
import type { ReplicaSet } from '@kapella/api/types/apps-v1';
import type { FieldErrors } from '@kapella/base';
import { checkNotNegative } from '../../support/validation/basic.ts';
import { checkReplicaStatus, checkSelector, checkTemplate } from '../../support/validation/workload.ts';

export function validateReplicaSet({ spec }: ReplicaSet, errors: FieldErrors): void {
  checkNotNegative(spec.replicas, errors, 'spec.replicas');
  checkNotNegative(spec.minReadySeconds, errors, 'spec.minReadySeconds');
  // Upstream's message names the wrong kind, and clients may match on it.
  checkSelector(spec.selector, 'deployment', errors, 'spec.selector');
  checkTemplate(spec.template, spec.selector, { kind: 'ReplicaSet' }, errors);
}

export function validateReplicaSetUpdate(next: ReplicaSet, old: ReplicaSet, errors: FieldErrors): void {
  validateReplicaSet(next, errors);
  errors.immutable('spec.selector', next.spec.selector, old.spec.selector);
}

export function validateReplicaSetStatus({ status }: ReplicaSet, _old: ReplicaSet, errors: FieldErrors): void {
  checkReplicaStatus(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'], errors);
}
