/** Rules for Pods. Source: kubernetes pkg/apis/core/validation, ValidatePodCreate. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { checkImageSpace } from '../../support/validation/containers.ts';
import { validatePodSpec } from '../../support/validation/pod-spec.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

export function validatePod(pod: Pod, errors: FieldErrors): void {
  checkPod(pod, errors);
  if ((pod.spec.ephemeralContainers?.length ?? 0) > 0) {
    errors.forbidden('spec.ephemeralContainers', 'cannot be set on create');
  }
  if (pod.spec.nodeName && (pod.spec.schedulingGates?.length ?? 0) > 0) {
    errors.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared');
  }
}

/** A token is of a service account. */
function checkNoTokens({ spec }: Pod, errors: FieldErrors): void {
  for (const [i, { projected }] of (spec.volumes ?? []).entries()) {
    for (const [j, source] of (projected?.sources ?? []).entries()) {
      if (source.serviceAccountToken === undefined) continue;
      const field = `spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`;
      errors.forbidden(field, 'must not be specified when serviceAccountName is not set');
    }
  }
}

/** What holds on every write of the spec. */
export function checkPod(pod: Pod, errors: FieldErrors): void {
  const cost = pod.metadata.annotations?.[DELETION_COST];
  if (cost !== undefined && !/^(?:0|-?[1-9]\d{0,9})$/.test(cost)) {
    errors.invalid(`metadata.annotations[${DELETION_COST}]`, cost, 'must be a 32bit integer');
  }
  validatePodSpec(pod.spec, errors, 'spec', { isPod: true, podName: pod.metadata.name });
  if (!pod.spec.serviceAccountName) checkNoTokens(pod, errors);
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [i, container] of (pod.spec[list] ?? []).entries())
      checkImageSpace(container, errors, `spec.${list}[${i}]`);
  }
}
