/** Rules for Pods on creation. Source: kubernetes pkg/apis/core/validation, ValidatePodCreate. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { validatePodSpec } from '../../support/validation/pod-spec.ts';

export function validatePod(pod: Pod, errors: FieldErrors): void {
  validatePodSpec(pod.spec, errors, 'spec', { isPod: true });
}
