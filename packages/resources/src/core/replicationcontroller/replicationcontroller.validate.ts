/** Rules for ReplicationControllers. Source: kubernetes pkg/apis/core/validation, ValidateReplicationController. */
import type { ReplicationController } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { checkNotNegative } from '../../support/validation/basic.ts';
import { checkReplicaStatus, checkTemplate } from '../../support/validation/workload.ts';

export function validateReplicationController({ spec }: ReplicationController, errors: FieldErrors): void {
  checkNotNegative(spec.minReadySeconds, errors, 'spec.minReadySeconds');
  if (Object.keys(spec.selector ?? {}).length === 0) errors.required('spec.selector');
  checkNotNegative(spec.replicas, errors, 'spec.replicas');
  if (spec.template === undefined) errors.required('spec.template');
  else checkTemplate(spec.template, { matchLabels: spec.selector }, { kind: 'ReplicationController' }, errors);
}

export function validateReplicationControllerStatus(
  { status }: ReplicationController,
  _old: ReplicationController,
  errors: FieldErrors,
): void {
  checkReplicaStatus(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'], errors);
}
