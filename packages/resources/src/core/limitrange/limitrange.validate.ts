/** Rules for LimitRanges. Source: kubernetes pkg/apis/core/validation, ValidateLimitRange. */
import { Quantity, validateQualifiedName } from '@kapella/api';
import type { LimitRange, LimitRangeItem } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { quantityOf } from '../../support/resource-list.ts';
import { addInvalid } from '../../support/validation/basic.ts';
import {
  checkContainerResourceName,
  checkResourceName,
  isOvercommitAllowed,
} from '../../support/validation/quantities.ts';

const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim'];
const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

export function validateLimitRange({ spec }: LimitRange, errors: FieldErrors): void {
  const seen = new Set<string>();
  for (const [i, item] of spec.limits.entries()) {
    const field = `spec.limits[${i}]`;
    checkType(item.type, errors, `${field}.type`);
    if (seen.has(item.type)) errors.duplicate(`${field}.type`, item.type);
    seen.add(item.type);
    checkItem(item, errors, field);
  }
}

function checkType(type: string, errors: FieldErrors, field: string): void {
  const wrong = validateQualifiedName(type ?? '');
  addInvalid(errors, field, type ?? '', wrong);
  if (wrong.length > 0 || type.includes('/') || TYPES.includes(type)) return;
  errors.invalid(field, type, 'must be a standard limit type or fully qualified');
}

function checkItem(item: LimitRangeItem, errors: FieldErrors, field: string): void {
  const isPod = item.type === 'Pod';
  const checkName = isPod || item.type === 'Container' ? checkContainerResourceName : checkResourceName;
  const names = new Set<string>();
  for (const list of LISTS) {
    const entries = Object.keys(item[list] ?? {});
    if (isPod && (list === 'default' || list === 'defaultRequest')) {
      if (entries.length > 0) errors.forbidden(`${field}.${list}`, "may not be specified when `type` is 'Pod'");
      continue;
    }
    for (const name of entries) {
      checkName(name, errors, `${field}.${list}[${name}]`);
      names.add(name);
    }
  }
  if (item.type === 'PersistentVolumeClaim' && item.min?.storage === undefined && item.max?.storage === undefined) {
    const why = 'either minimum or maximum storage value is required, but neither was provided';
    errors.required(`${field}.limits`, why);
  }
  for (const name of names) checkOrder(item, name, errors, field);
}

function checkOrder(item: LimitRangeItem, name: string, errors: FieldErrors, field: string): void {
  const min = quantityOf(item.min, name);
  const max = quantityOf(item.max, name);
  const limit = quantityOf(item.default, name);
  const request = quantityOf(item.defaultRequest, name);
  const above = (a: Quantity | undefined, b: Quantity | undefined) =>
    a !== undefined && b !== undefined && a.compare(b) > 0;
  const bad = (list: string, value: Quantity | undefined, why: string) =>
    errors.invalid(`${field}.${list}[${name}]`, String(value), why);
  if (above(min, max)) bad('min', min, `min value ${min} is greater than max value ${max}`);
  if (above(min, request))
    bad('defaultRequest', request, `min value ${min} is greater than default request value ${request}`);
  if (above(request, max))
    bad('defaultRequest', request, `default request value ${request} is greater than max value ${max}`);
  if (above(request, limit)) {
    bad('defaultRequest', request, `default request value ${request} is greater than default limit value ${limit}`);
  }
  if (above(min, limit)) bad('default', min, `min value ${min} is greater than default value ${limit}`);
  if (above(limit, max)) bad('default', max, `default value ${limit} is greater than max value ${max}`);
  checkRatio(quantityOf(item.maxLimitRequestRatio, name), min, max, errors, `${field}.maxLimitRequestRatio[${name}]`);
  if (!isOvercommitAllowed(name) && limit !== undefined && request !== undefined && !limit.equals(request)) {
    bad('defaultRequest', request, `default value ${limit} must equal to defaultRequest value ${request} in ${name}`);
  }
}

function checkRatio(
  ratio: Quantity | undefined,
  min: Quantity | undefined,
  max: Quantity | undefined,
  errors: FieldErrors,
  field: string,
): void {
  if (ratio === undefined) return;
  if (ratio.compare(Quantity.of(1)) < 0) errors.invalid(field, ratio.toString(), `ratio ${ratio} is less than 1`);
  if (min === undefined || max === undefined) return;
  const most = max.toNumber() / min.toNumber();
  if (ratio.toNumber() > most) {
    errors.invalid(field, ratio.toString(), `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`);
  }
}
