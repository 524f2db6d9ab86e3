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

function checkItem(given: LimitRangeItem, errors: FieldErrors, field: string): void {
  const isPod = given.type === 'Pod';
  // Pods have no defaults: what is written there counts no further.
  const item = isPod ? { ...given, default: undefined, defaultRequest: undefined } : given;
  const checkName = isPod || item.type === 'Container' ? checkContainerResourceName : checkResourceName;
  for (const list of ['default', 'defaultRequest'] as const) {
    if (!isPod || Object.keys(given[list] ?? {}).length === 0) continue;
    errors.forbidden(`${field}.${list}`, "may not be specified when `type` is 'Pod'");
  }
  const names = new Set<string>();
  for (const list of LISTS) {
    for (const name of Object.keys(item[list] ?? {})) {
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
  /** The smaller may not be above the larger; `list` and `shown` are what the error points at. */
  const order = (
    [lesser, smaller]: readonly [string, Quantity | undefined],
    [greater, larger]: readonly [string, Quantity | undefined],
    [list, shown]: readonly [string, Quantity | undefined],
  ) => {
    if (smaller === undefined || larger === undefined || smaller.compare(larger) <= 0) return;
    const why = `${lesser} value ${smaller} is greater than ${greater} value ${larger}`;
    errors.invalid(`${field}.${list}[${name}]`, String(shown), why);
  };
  order(['min', min], ['max', max], ['min', min]);
  order(['min', min], ['default request', request], ['defaultRequest', request]);
  order(['default request', request], ['max', max], ['defaultRequest', request]);
  order(['default request', request], ['default limit', limit], ['defaultRequest', request]);
  order(['min', min], ['default', limit], ['default', min]);
  order(['default', limit], ['max', max], ['default', max]);
  checkRatio(quantityOf(item.maxLimitRequestRatio, name), min, max, errors, `${field}.maxLimitRequestRatio[${name}]`);
  if (isOvercommitAllowed(name) || limit === undefined || request === undefined || limit.equals(request)) return;
  const why = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
  errors.invalid(`${field}.defaultRequest[${name}]`, String(request), why);
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
