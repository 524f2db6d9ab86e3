/** Rules for Pod specs. Source: kubernetes pkg/apis/core/validation, ValidatePodSpec. */
import type { PodSpec } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { checkDnsLabel } from './basic.ts';

export interface PodRules {
  readonly isPod?: boolean;
}

export function validatePodSpec(spec: PodSpec, errors: FieldErrors, field: string, _rules: PodRules = {}): void {
  const seen = new Set<string>();
  if (spec.containers.length === 0) errors.required(`${field}.containers`);
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [i, container] of (spec[list] ?? []).entries()) {
      const at = `${field}.${list}[${i}]`;
      if (!container.name) errors.required(`${at}.name`);
      else {
        checkDnsLabel(container.name, errors, `${at}.name`);
        if (seen.has(container.name)) errors.duplicate(`${at}.name`, container.name);
        seen.add(container.name);
      }
      if (!container.image) errors.required(`${at}.image`);
    }
  }
}
