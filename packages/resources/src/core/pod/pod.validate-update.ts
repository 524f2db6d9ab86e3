/** What of a Pod may change. Source: kubernetes pkg/apis/core/validation, ValidatePodUpdate. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';

export function validatePodUpdate(_next: Pod, _old: Pod, _errors: FieldErrors): void {}
export function validatePodEphemeralUpdate(_next: Pod, _old: Pod, _errors: FieldErrors): void {}
export function validatePodResize(_next: Pod, _old: Pod, _errors: FieldErrors): void {}
