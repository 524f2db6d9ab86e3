/** Rules for Pod templates. Source: kubernetes pkg/apis/core/validation, ValidatePodTemplateSpec. */
import { validateAnnotations, validateLabels } from '@kapella/api';
import type { PodTemplateSpec } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { type PodRules, validatePodSpec } from './pod-spec.ts';

export type { PodRules };

export function validatePodTemplateSpec(
  template: PodTemplateSpec | undefined,
  errors: FieldErrors,
  field: string,
  rules: PodRules = {},
): void {
  if (template === undefined) {
    errors.required(field);
    return;
  }
  validateLabels(template.metadata?.labels, errors, `${field}.labels`);
  validateAnnotations(template.metadata?.annotations, errors, `${field}.annotations`);
  validatePodSpec(template.spec, errors, `${field}.spec`, rules);
  if ((template.spec.ephemeralContainers?.length ?? 0) > 0) {
    errors.forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template');
  }
}
