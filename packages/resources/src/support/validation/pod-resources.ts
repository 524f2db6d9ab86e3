/** Resources of a Pod as a whole. Source: kubernetes pkg/apis/core/validation, validatePodResources. */
import { Quantity } from '@kapella/api';
import type { PodSpec } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { quantityOf, tryQuantity } from '../resource-list.ts';
import { checkResourceName, isHugePages } from './quantities.ts';
import { checkResourceRequirements } from './requirements.ts';

const SUPPORTED = ['cpu', 'memory'];

export function checkPodLevelResources(spec: PodSpec, errors: FieldErrors, field: string): void {
  if (spec.resources === undefined) return;
  const at = `${field}.resources`;
  if (spec.os?.name === 'windows') {
    errors.forbidden(at, 'may not be set for a windows pod');
    return;
  }
  if (spec.resources.claims !== undefined) {
    errors.forbidden(`${at}.claims`, 'claims may not be set for Resources at pod-level');
  }
  checkResourceRequirements(spec.resources, undefined, errors, at, checkPodResourceName);
  for (const [name, sum] of aggregateRequests(spec)) {
    const given = quantityOf(spec.resources.requests, name);
    if (given === undefined || sum.compare(given) <= 0) continue;
    const why = `must be greater than or equal to aggregate container requests of ${sum}`;
    errors.invalid(`${at}.requests[${name}]`, given.toString(), why);
  }
  for (const [i, { resources }] of spec.containers.entries()) {
    for (const [name, amount] of Object.entries(resources?.limits ?? {})) {
      const most = quantityOf(spec.resources.limits, name);
      const limit = tryQuantity(amount);
      if (most === undefined || limit === undefined || limit.compare(most) <= 0) continue;
      const place = `${at}.containers[${i}][${name}].limits`;
      errors.invalid(place, limit.toString(), `must be less than or equal to pod limits of ${most}`);
    }
  }
}

function checkPodResourceName(name: string, errors: FieldErrors, field: string): boolean {
  if (!checkResourceName(name, errors, field)) return false;
  if (SUPPORTED.includes(name) || isHugePages(name)) return true;
  errors.notSupported(field, name, ['cpu', 'hugepages-', 'memory']);
  return false;
}

/** Sums of containers and sidecars, or the largest init container where that is more. */
export function aggregateRequests(spec: PodSpec): ReadonlyMap<string, Quantity> {
  const total = new Map<string, Quantity>();
  const add = (into: Map<string, Quantity>, list: Readonly<Record<string, string>> = {}) => {
    for (const [name, amount] of Object.entries(list)) {
      const quantity = tryQuantity(amount);
      if (quantity !== undefined) into.set(name, (into.get(name) ?? Quantity.zero).add(quantity));
    }
  };
  for (const container of spec.containers) add(total, container.resources?.requests);
  const running = new Map<string, Quantity>();
  const peaks: Map<string, Quantity>[] = [];
  for (const { restartPolicy, resources } of spec.initContainers ?? []) {
    if (restartPolicy === 'Always') {
      add(total, resources?.requests);
      add(running, resources?.requests);
      continue;
    }
    const peak = new Map(running);
    add(peak, resources?.requests);
    peaks.push(peak);
  }
  for (const peak of peaks) {
    for (const [name, quantity] of peak) {
      const sum = total.get(name);
      if (sum === undefined || quantity.compare(sum) > 0) total.set(name, quantity);
    }
  }
  return total;
}
