/** Requests and limits. Source: kubernetes pkg/apis/core/validation, validateResourceRequirements. */
import type { ResourceRequirements } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { quantityOf, tryQuantity } from '../resource-list.ts';
import { checkContainerResourceName, checkQuantityValue, isHugePages, isOvercommitAllowed } from './quantities.ts';

/** `claims` are the names in the Pod's resourceClaims; undefined where there is no Pod. */
export function checkResourceRequirements(
  requirements: Partial<ResourceRequirements>,
  claims: ReadonlySet<string> | undefined,
  errors: FieldErrors,
  field: string,
  checkName: typeof checkContainerResourceName = checkContainerResourceName,
): void {
  const { limits = {}, requests = {} } = requirements;
  for (const [name, amount] of Object.entries(limits)) {
    checkName(name, errors, `${field}.limits`);
    checkQuantityValue(name, amount, errors, `${field}.limits[${name}]`);
    checkHugePages(name, amount, errors, `${field}.limits[${name}]`);
    checkAgainstRequest(name, amount, requirements, errors, field);
  }
  for (const [name, amount] of Object.entries(requests)) {
    checkName(name, errors, `${field}.requests`);
    checkQuantityValue(name, amount, errors, `${field}.requests[${name}]`);
    checkHugePages(name, amount, errors, `${field}.requests[${name}]`);
    const limit = quantityOf(limits, name);
    if (limit === undefined && !isOvercommitAllowed(name)) {
      errors.required(`${field}.limits`, 'Limit must be set for non overcommitable resources');
    }
  }
  checkHugePagesAlone(requirements, errors, field);
  checkClaims(requirements, claims, errors, field);
}

function checkAgainstRequest(
  name: string,
  amount: string,
  { requests = {} }: Partial<ResourceRequirements>,
  errors: FieldErrors,
  field: string,
): void {
  const limit = tryQuantity(amount);
  const request = quantityOf(requests, name);
  if (limit === undefined || request === undefined) return;
  if (!request.equals(limit) && !isOvercommitAllowed(name)) {
    const why = `must be equal to ${name} limit of ${limit}`;
    errors.invalid(`${field}.requests`, request.toString(), why);
  } else if (request.compare(limit) > 0) {
    const why = `must be less than or equal to ${name} limit of ${limit}`;
    errors.invalid(`${field}.requests`, request.toString(), why);
  }
}

function checkHugePages(name: string, amount: string, errors: FieldErrors, field: string): void {
  if (!isHugePages(name)) return;
  const page = tryQuantity(name.slice('hugepages-'.length));
  const quantity = tryQuantity(amount);
  if (page === undefined || quantity === undefined || page.isZero) return;
  if (quantity.scaledValue(0) % page.scaledValue(0) !== 0n) {
    errors.invalid(field, quantity.toString(), 'page size must be a multiple of the hugepage size');
  }
}

function checkHugePagesAlone(requirements: Partial<ResourceRequirements>, errors: FieldErrors, field: string): void {
  const { limits = {}, requests = {} } = requirements;
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  const huge = names.some(isHugePages);
  if (huge && !names.includes('cpu') && !names.includes('memory')) {
    errors.forbidden(field, 'HugePages require cpu or memory');
  }
}

function checkClaims(
  { claims: used = [] }: Partial<ResourceRequirements>,
  claims: ReadonlySet<string> | undefined,
  errors: FieldErrors,
  field: string,
): void {
  const seen = new Set<string>();
  for (const [i, { name, request = '' }] of used.entries()) {
    const at = `${field}.claims[${i}]`;
    if (!name) {
      errors.required(`${at}.name`);
      continue;
    }
    const key = `${name}/${request}`;
    if (seen.has(key) || (request !== '' && seen.has(`${name}/`)))
      errors.duplicate(at, request === '' ? name : `${name}/${request}`);
    seen.add(key);
    if (claims !== undefined && !claims.has(name)) errors.notFound(`${at}.name`, name);
  }
}
