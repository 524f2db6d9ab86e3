/** Rules for Deployments. Source: kubernetes pkg/apis/apps/validation, ValidateDeployment. */
import type { Deployment, DeploymentStrategy } from '@kapella/api/types/apps-v1';
import type { FieldErrors } from '@kapella/base';
import { checkNotNegative } from '../../support/validation/basic.ts';
import {
  checkAtMost100Percent,
  checkIntOrPercent,
  checkReplicaStatus,
  checkSelector,
  checkTemplate,
  intOrPercent,
} from '../../support/validation/workload.ts';

export function validateDeployment({ spec }: Deployment, errors: FieldErrors): void {
  checkNotNegative(spec.replicas, errors, 'spec.replicas');
  checkSelector(spec.selector, 'deployment', errors, 'spec.selector');
  checkTemplate(spec.template, spec.selector, { kind: 'ReplicaSet' }, errors);
  checkStrategy(spec.strategy ?? {}, errors);
  checkNotNegative(spec.minReadySeconds, errors, 'spec.minReadySeconds');
  checkNotNegative(spec.revisionHistoryLimit, errors, 'spec.revisionHistoryLimit');
  const deadline = spec.progressDeadlineSeconds;
  checkNotNegative(deadline, errors, 'spec.progressDeadlineSeconds');
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
    errors.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds');
  }
}

export function validateDeploymentUpdate(next: Deployment, old: Deployment, errors: FieldErrors): void {
  validateDeployment(next, errors);
  errors.immutable('spec.selector', next.spec.selector, old.spec.selector);
}

export function validateDeploymentStatus({ status }: Deployment, _old: Deployment, errors: FieldErrors): void {
  checkReplicaStatus(status, ['updatedReplicas', 'readyReplicas', 'availableReplicas'], errors);
}

function checkStrategy(strategy: DeploymentStrategy, errors: FieldErrors): void {
  const field = 'spec.strategy';
  const { type, rollingUpdate } = strategy;
  if (type === 'Recreate') {
    if (rollingUpdate !== undefined) {
      errors.forbidden(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'");
    }
  } else if (type === 'RollingUpdate') {
    const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
    checkIntOrPercent(maxUnavailable, errors, `${field}.rollingUpdate.maxUnavailable`);
    checkIntOrPercent(maxSurge, errors, `${field}.rollingUpdate.maxSurge`);
    if (intOrPercent(maxUnavailable) === 0 && intOrPercent(maxSurge) === 0) {
      const why = 'may not be 0 when `maxSurge` is 0';
      errors.invalid(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable, why);
    }
    checkAtMost100Percent(maxUnavailable, errors, `${field}.rollingUpdate.maxUnavailable`);
  } else errors.notSupported(field, strategy, ['Recreate', 'RollingUpdate']);
}
