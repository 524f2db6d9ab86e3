/** Rules for autoscalers. Source: kubernetes pkg/apis/autoscaling/validation. */
import type { HorizontalPodAutoscaler } from '@kapella/api/types/autoscaling-v2';
import type { FieldErrors } from '@kapella/base';

export function validateAutoscaler(_object: HorizontalPodAutoscaler, _errors: FieldErrors): void {}

export function validateAutoscalerUpdate(next: HorizontalPodAutoscaler, _old: HorizontalPodAutoscaler, errors: FieldErrors): void {
  validateAutoscaler(next, errors);
}
