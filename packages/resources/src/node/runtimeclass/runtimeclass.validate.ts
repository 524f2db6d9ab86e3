/** Rules for RuntimeClasses. Source: kubernetes pkg/apis/node/validation. */
import { nameIsDnsLabel, validateLabels } from '@kapella/api';
import type { RuntimeClass } from '@kapella/api/types/node-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid } from '../../support/validation/basic.ts';
import { checkResourceRequirements } from '../../support/validation/requirements.ts';
import { checkTolerations } from '../../support/validation/scheduling.ts';

export function validateRuntimeClass({ handler, overhead, scheduling }: RuntimeClass, errors: FieldErrors): void {
  if (!handler) errors.required('handler');
  else addInvalid(errors, 'handler', handler, nameIsDnsLabel(handler, false));
  if (overhead !== undefined) checkResourceRequirements({ limits: overhead.podFixed }, undefined, errors, 'overhead');
  if (scheduling === undefined) return;
  validateLabels(scheduling.nodeSelector, errors, 'scheduling.nodeSelector');
  checkTolerations(scheduling.tolerations ?? [], errors, 'scheduling.tolerations');
  const seen = new Set<string>();
  for (const [i, toleration] of (scheduling.tolerations ?? []).entries()) {
    const key = JSON.stringify([toleration.key, toleration.operator, toleration.value, toleration.effect]);
    if (seen.has(key)) errors.duplicate(`scheduling.tolerations[${i}]`, toleration);
    seen.add(key);
  }
}

export function validateRuntimeClassUpdate(next: RuntimeClass, old: RuntimeClass, errors: FieldErrors): void {
  errors.immutable('handler', next.handler, old.handler);
}
